"""What the service manager hears of the gateway: that it is ready, and that it answers."""

import asyncio
import ssl
from datetime import timedelta
from typing import Final

from capyd.runtime.notify import ServiceManager
from capyd_http.config import HttpSettings

_ENOUGH: Final = timedelta(seconds=60)
_HEALTHZ: Final = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


async def tell(service_manager: ServiceManager, settings: HttpSettings, *, port: int) -> None:
    """Say that it is ready, and feed the watchdog after each request of its own that was answered. Runs for ever."""
    host = settings.listen_host
    context = None if settings.tls_certificate_file is None else _trusting()
    service_manager.status(f"answering on {host}:{port}")
    service_manager.ready()
    if service_manager.patience is None:
        await asyncio.Event().wait()
        return
    pace = (service_manager.patience / 3).total_seconds()
    while True:
        if await _answers(_reachable(host), port, context):
            service_manager.alive(starting_may_take=_ENOUGH)
        await asyncio.sleep(pace)


async def _answers(host: str, port: int, context: ssl.SSLContext | None) -> bool:
    """A whole request over the listener, as a client makes it. False: it was refused, which is no progress."""
    try:
        reader, writer = await asyncio.open_connection(host, port, ssl=context)
    except OSError:
        return False
    try:
        writer.write(_HEALTHZ)
        return b" 200 " in await reader.readline()
    except OSError:
        return False
    finally:
        writer.close()


def _trusting() -> ssl.SSLContext:
    """For a question to oneself, in which nothing is secret: the certificate names other hosts."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104
