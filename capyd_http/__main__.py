"""`python -m capyd_http --config FILE`: the gateway as a process."""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import NoReturn

import uvloop

from capyd.runtime.logs import configure_logs, get_logger
from capyd.runtime.settings_file import SettingsError, read_settings
from capyd.runtime.signals import stop_event
from capyd_http.config import HttpSettings
from capyd_http.server import ListenError, running_gateway

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
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings))
    except ListenError as error:
        _fail(error, code=1)


async def _serve(settings: HttpSettings) -> None:
    stop = stop_event()
    async with running_gateway(settings) as port:
        logger.info("gateway.listening", host=settings.listen_host, port=port, backend=settings.backend)
        await stop.wait()
        logger.info("gateway.stopping")


def _fail(error: Exception, *, code: int) -> NoReturn:
    sys.stderr.write(f"capyd-http: {error}\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
