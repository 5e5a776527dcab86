"""`project.expire_credential`: the grace period of a rotation is over."""

from datetime import datetime

from capyd.domain.jobs import EXPIRE_CREDENTIAL, Job
from capyd.jobs.job_type import Effect
from capyd.jobs.steps import Steps
from capyd.provisioning.cluster import ClusterWatch
from capyd.provisioning.projects import get_project, no_effect
from capyd.provisioning.retiring_login import RetiringLogins
from capyd.sqlite.database import Database, Transaction


class ExpireCredential:
    """Ends the login that a rotation left working."""

    name = EXPIRE_CREDENTIAL
    concurrency = 4

    def __init__(self, *, database: Database, cluster: ClusterWatch, retiring_logins: RetiringLogins) -> None:
        self._database = database
        self._cluster = cluster
        self._retiring_logins = retiring_logins

    async def run(self, job: Job, steps: Steps) -> Effect:
        """The login that retires, whichever that is."""
        project = await get_project(self._database, job)
        self._cluster.require()
        await self._retiring_logins.end(project.id, steps)
        return no_effect

    async def fail(self, tx: Transaction, job: Job, error: str, now: datetime) -> None:
        """The old login is shut at least, if that much was done; a rotation that says `leaked` ends it too."""
