"""Takes up a changed configuration while the daemon runs, as far as that goes, and says what waits for a restart."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from capyd.config import Settings
from capyd.daemon.engine import Engine
from capyd.runtime.logs import configure_logs, get_logger
from capyd.runtime.notify import ServiceManager
from capyd.runtime.settings_file import SettingsError

logger = get_logger(__name__)

Take = Callable[[Settings], None]


@dataclass(frozen=True, slots=True)
class Reloaded:
    """The names of changed settings, such as `logs.level`."""

    taken: tuple[str, ...]
    wait_for_restart: tuple[str, ...]


class Reload:
    """Compares the settings in force with those of the file."""

    def __init__(self, settings: Settings, takes: Mapping[str, Take]) -> None:
        """`takes`: what puts a setting, or all those of a section, into force, by its name."""
        self._in_force = dict(_flat(settings))
        self._takes = takes

    def take(self, settings: Settings) -> Reloaded:
        """Put into force what can be, each setting that has changed since it was last read."""
        taken, waiting = [], []
        wanted = dict(_flat(settings))
        takes = []
        for name in sorted({*wanted, *self._in_force}):
            if wanted.get(name) == self._in_force.get(name):
                continue
            take = self._takes.get(name) or self._takes.get(name.partition(".")[0])
            if take is None:
                waiting.append(name)
                continue
            taken.append(name)
            self._in_force[name] = wanted.get(name)
            if take not in takes:
                takes.append(take)
        for take in takes:
            take(settings)
        return Reloaded(tuple(taken), tuple(waiting))


def live_settings(engine: Engine) -> Mapping[str, Take]:
    """What a reload puts into force. All else is built into objects at the start: a restart costs tenants nothing."""
    return {
        "logs": lambda settings: configure_logs(level=settings.logs.level, log_format=settings.logs.format),
        "spares": lambda settings: engine.spares.take_settings(settings.spares),
    }


def read_certificates_again(engine: Engine) -> None:
    """Have the pooler reload: it reads its certificates then, whose settings have not changed when their files have."""
    engine.pooler.distrust()
    engine.pooler_sync.request()


def _flat(section: BaseModel, prefix: str = "") -> Iterator[tuple[str, object]]:
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


async def reload_whenever_asked(
    asked: asyncio.Event,
    service_manager: ServiceManager,
    reload: Reload,
    *,
    read: Callable[[], Settings],
    always: Sequence[Callable[[], None]] = (),
) -> None:
    """At each SIGHUP: read the file again and take what can be taken, and call `always`. Runs until cancelled.

    A file with a mistake in it changes nothing: what was in force stays so.
    """
    while True:
        await asked.wait()
        asked.clear()
        service_manager.reloading()
        try:
            done = reload.take(await asyncio.to_thread(read))
        except SettingsError as error:
            logger.warning("configuration.refused", reason=str(error))
        else:
            logger.info("configuration.reloaded", taken=list(done.taken), wait_for_restart=list(done.wait_for_restart))
        for callback in always:
            callback()
        service_manager.ready()
