"""What this daemon serves, and how it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from capyd.config.settings import ClusterSettings
from capyd.domain.errors import InvalidError, UnavailableError
from capyd.domain.failures import StepError, UnreachableError
from capyd.pgbouncer.pooler import Pooler
from capyd.provisioning.cluster import ClusterWatch
from capyd.provisioning.spares import Spares, SpareStatus
from capyd.runtime.clock import Clock
from capyd.sqlite.database import Database
from capyd.sqlite.facts import find_fact, put_fact

Health = Literal["operational", "degraded", "down"]


@dataclass(frozen=True, slots=True)
class ComponentHealth:
    """One part, and what is to be said of it."""

    name: str
    health: Health
    message: str


@dataclass(frozen=True, slots=True)
class ServiceHealth:
    """The whole, and its parts."""

    health: Health
    generated_at: datetime
    changed_at: datetime
    components: tuple[ComponentHealth, ...]
    spares: SpareStatus | None
    """None: PostgreSQL does not answer."""


class Cluster:
    """The use cases of the cluster service."""

    def __init__(
        self,
        *,
        database: Database,
        settings: ClusterSettings,
        watch: ClusterWatch,
        pooler: Pooler,
        spares: Spares,
        catalogue: Sequence[str],
        clock: Clock,
    ) -> None:
        self._database = database
        self.settings = settings
        self._watch = watch
        self._pooler = pooler
        self._spares = spares
        self._catalogue = tuple(catalogue)
        self._clock = clock
        self._shown: tuple[ComponentHealth, ...] = ()
        self._changed_at = clock()
        self._postgres_version: str | None = None

    async def adopt_identity(self) -> None:
        """Check at start that the state file belongs to the cluster id of the configuration.

        Raises:
            InvalidError: it belongs to another.
        """
        async with self._database.transaction() as tx:
            known = await find_fact(tx, "cluster_id")
            if known is not None and known != self.settings.id:
                raise InvalidError(
                    f"the state file belongs to the cluster {known}, and the configuration names {self.settings.id}: "
                    "set cluster.id back, or use another state file"
                )
            await put_fact(tx, "cluster_id", self.settings.id)
        await self.learn_version()

    async def learn_version(self) -> None:
        """Read again which PostgreSQL this is: the cluster has just been prepared."""
        async with self._database.reading() as reads:
            self._postgres_version = await find_fact(reads, "postgres_version")

    @property
    def postgres_version(self) -> str | None:
        """The major, also while PostgreSQL is away; None: it never answered since this state was made."""
        return self._postgres_version

    @property
    def extensions(self) -> tuple[str, ...]:
        """What may be enabled here; empty while nobody knows what the cluster carries."""
        if self._watch.trouble is not None:
            return ()
        carried = self._watch.require().extensions
        return tuple(name for name in self._catalogue if name in carried)

    @property
    def is_reachable(self) -> bool:
        """PostgreSQL was there when it was last needed."""
        return self._watch.trouble is None

    def check_placement(self, *, region: str | None, cluster_id: str | None, postgres_version: str | None) -> None:
        """Return when a project that asks for these can be made here.

        Raises:
            InvalidError: another region, cluster or version than this one's.
            UnavailableError: a version is asked for, and PostgreSQL has never said which it is.
        """
        if region is not None and region != self.settings.region:
            raise InvalidError(f"region must be {self.settings.region}, which is this cluster's", field="region")
        if cluster_id is not None and cluster_id != self.settings.id:
            raise InvalidError(f"cluster_id must be {self.settings.id}: this service has no other", field="cluster_id")
        if postgres_version is not None:
            if self._postgres_version is None:
                raise UnavailableError("PostgreSQL has not answered yet, so that its version is not known")
            if postgres_version != self._postgres_version:
                raise InvalidError(
                    f"postgres_version must be {self._postgres_version}, which is this cluster's",
                    field="postgres_version",
                )

    async def health(self) -> ServiceHealth:
        """How it is just now."""
        spares = await self._look_at_spares()
        trouble = self._watch.trouble
        pooler_version = await self._pooler.probe()
        components = (
            ComponentHealth("api", "operational", "requests are accepted"),
            ComponentHealth("postgres", "operational", "it takes projects")
            if trouble is None
            else ComponentHealth("postgres", "down", "it does not answer: jobs wait for it"),
            ComponentHealth("pooler", "operational", "it takes connections")
            if pooler_version is not None
            else ComponentHealth("pooler", "down", "it does not answer: pooled connections fail"),
        )
        now = self._clock()
        if components != self._shown:
            self._shown, self._changed_at = components, now
        return ServiceHealth(
            health="operational" if all(part.health == "operational" for part in components) else "degraded",
            generated_at=now,
            changed_at=self._changed_at,
            components=components,
            spares=spares,
        )

    async def _look_at_spares(self) -> SpareStatus | None:
        """Also finds out whether the cluster still answers."""
        if self._watch.trouble is not None:
            return None
        try:
            return await self._spares.status()
        except UnreachableError as error:
            self._watch.report_lost(error.summary)
        except StepError:
            pass  # it answers, and is busy
        return None
