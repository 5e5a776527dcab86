"""The end of a login whose time is over."""

from capyd.jobs.steps import Steps
from capyd.postgres.connections import AdminConnections
from capyd.postgres.retirement import drop_retiring_login, shut_retiring_login
from capyd.postgres.rotation import end_login_sessions
from capyd.provisioning.pooler_sync import PoolerSync


class RetiringLogins:
    """The steps that end one, whichever job takes them."""

    def __init__(self, *, connections: AdminConnections, pooler_sync: PoolerSync) -> None:
        self._connections = connections
        self._pooler_sync = pooler_sync

    async def end(self, project_id: str, steps: Steps) -> None:
        """Shut it at both doors, end its sessions, and drop it. Each part is fine when it is already gone."""
        async with steps.step("shut the old login", seconds=20):
            retiring = await shut_retiring_login(self._connections, project_id, note=steps.note)
        if retiring is None:
            steps.note("there is no old login (any more)")
            return
        async with steps.step("take the old login from the pooler", seconds=30):
            await self._pooler_sync.sync()
        async with steps.step("end the old login's sessions", seconds=30):
            await end_login_sessions(self._connections, retiring.login)
        async with steps.step("drop the old login", seconds=60):
            await drop_retiring_login(self._connections, retiring, note=steps.note)
