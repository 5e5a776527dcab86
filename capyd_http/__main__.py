"""`python -m capyd_http --config FILE`: the gateway as a process."""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import NoReturn

import uvloop

from capyd.runtime.logs import configure_logs, get_logger
from capyd.runtime.notify import ServiceManager
from capyd.runtime.observation import MetricsListenError
from capyd.runtime.settings_file import SettingsError, read_settings
from capyd.runtime.signals import reload_event, stop_event
from capyd.runtime.tasks import TaskEndedError, Tasks
from capyd.runtime.tracing import TracingError, start_tracing, stop_tracing
from capyd_http.config import HttpSettings
from capyd_http.server import ListenError, running_gateway
from capyd_http.service import tell
from capyd_http.tls import CertificateError

logger = get_logger(__name__)


def main() -> None:
    """Run until SIGTERM or SIGINT: exit code 0 then, 1 when the address is taken, 2 for a bad configuration."""
    parser = argparse.ArgumentParser(prog="capyd-http", description="The REST gateway in front of a capyd daemon.")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the gateway's TOML file")
    arguments = parser.parse_args()
    try:
        settings = read_settings(arguments.config, HttpSettings)
    except SettingsError as error:
        _fail(error, code=2)
    configure_logs(level=settings.logs.level, log_format=settings.logs.format)
    try:
        if settings.tracing.endpoint is not None:
            start_tracing(settings.tracing.endpoint, service="capyd-http", sample=settings.tracing.sample, is_edge=True)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings, arguments.config))
    except (ListenError, TracingError, CertificateError) as error:
        _fail(error, code=1)
    except TaskEndedError as error:
        if isinstance(error.__cause__, MetricsListenError):
            _fail(error.__cause__, code=1)
        _fail(error, code=1)
    finally:
        stop_tracing()


async def _serve(settings: HttpSettings, file: Path) -> None:
    stop, reload = stop_event(), reload_event()
    service_manager = ServiceManager.of_this_process()
    tasks = Tasks()
    async with running_gateway(settings) as port:
        logger.info("gateway.listening", host=settings.listen_host, port=port, backend=settings.backend)
        tasks.start("service", tell(service_manager, settings, port=port))
        if settings.metrics.address is not None:
            from capyd_http.metrics import serve_gateway_metrics  # noqa: PLC0415  (costs nothing where it is not wanted)

            tasks.start("metrics", serve_gateway_metrics(settings.metrics.address, backend=settings.backend))
        tasks.start("reload", _reload_whenever_asked(reload, service_manager, file))
        try:
            await tasks.until(stop)
        finally:
            logger.info("gateway.stopping")
            service_manager.stopping()
            await tasks.stop()


async def _reload_whenever_asked(asked: asyncio.Event, service_manager: ServiceManager, file: Path) -> None:
    """At each SIGHUP: take up the log settings of the file. The others need a restart."""
    while True:
        await asked.wait()
        asked.clear()
        service_manager.reloading()
        try:
            settings = await asyncio.to_thread(read_settings, file, HttpSettings)
        except SettingsError as error:
            logger.warning("configuration.refused", reason=str(error))
        else:
            configure_logs(level=settings.logs.level, log_format=settings.logs.format)
            logger.info("configuration.reloaded")
        service_manager.ready()


def _fail(error: Exception, *, code: int) -> NoReturn:
    sys.stderr.write(f"capyd-http: {error}\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
