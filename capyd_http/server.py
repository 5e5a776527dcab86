"""Builds the gateway out of its parts and runs it."""

import asyncio
import os
import resource
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import grpc
from aiohttp import web

from capyd.client.channel import open_channel
from capyd_http.answers import json_answer
from capyd_http.backend import Backend
from capyd_http.caps import ConnectionCaps
from capyd_http.config import HttpSettings
from capyd_http.front import Front
from capyd_http.health import healthz, readyz
from capyd_http.openapi.document import openapi_json
from capyd_http.operations import operation
from capyd_http.protocol import JsonServer, Patience
from capyd_http.router import Router, Visit
from capyd_http.tls import Certificate, warn_of_plain_text
from capyd_http.transcode.methods import http_methods

# Beside connections: the log, the channel to the daemon, the event loop's own.
_OTHER_FILES: Final = 100


class ListenError(Exception):
    """The address cannot be listened on. Its text says why, in one sentence."""


@asynccontextmanager
async def running_gateway(settings: HttpSettings) -> AsyncIterator[int]:
    """Serve while the block runs; its value is the port. Needs no daemon to start, nor to stay.

    On leaving, no new connection is accepted, and requests in hand have their deadline's time to finish.

    Raises:
        ListenError: the address cannot be listened on.
        CertificateError: there is a certificate, and it cannot be used.
    """
    certificate = None
    if settings.tls_certificate_file is not None and settings.tls_key_file is not None:
        certificate = await asyncio.to_thread(Certificate, settings.tls_certificate_file, settings.tls_key_file)
    else:
        warn_of_plain_text(settings.listen_host)
    _allow_files(settings.max_connections + _OTHER_FILES)
    channel = open_channel(settings.backend)
    looking = None if certificate is None else asyncio.create_task(certificate.look_again_and_again())
    try:
        runner = web.ServerRunner(_server(channel, settings), shutdown_timeout=settings.deadline_seconds)
        await runner.setup()
        try:
            yield await _listen(runner, settings, None if certificate is None else certificate.context)
        finally:
            await runner.cleanup()
    finally:
        if looking is not None:
            looking.cancel()
        await channel.close()


def _server(channel: grpc.aio.Channel, settings: HttpSettings) -> JsonServer:
    return JsonServer(
        Front(_router(channel, settings)),
        max_body_bytes=settings.max_body_bytes,
        caps=ConnectionCaps(
            total=settings.max_connections,
            per_address=settings.max_connections_per_address,
            trusted_proxies=settings.trusted_proxies,
        ),
        patience=Patience(
            header=settings.header_seconds, keepalive=settings.keepalive_seconds, write=settings.deadline_seconds
        ),
    )


def _router(channel: grpc.aio.Channel, settings: HttpSettings) -> Router:
    router = Router()
    methods = http_methods()
    backend = Backend(channel, deadline_seconds=settings.deadline_seconds)
    for method in methods:
        router.add(method.verb, method.template, operation(method, backend, settings))
    document = openapi_json(methods)

    async def openapi(visit: Visit) -> web.Response:
        return json_answer(200, document, request_id=visit.request_id)

    router.add("GET", "/v1/openapi.json", openapi)
    router.add("GET", "/healthz", healthz)
    router.add("GET", "/readyz", readyz(channel))
    return router


async def _listen(runner: web.ServerRunner, settings: HttpSettings, context: ssl.SSLContext | None) -> int:
    site = _Site(runner, settings, context)
    try:
        await site.start()
    except OSError as error:
        address = f"{settings.listen_host}:{settings.listen_port}"
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise ListenError(f"cannot listen on {address}: {reason}") from error
    port: int = runner.addresses[0][1]
    return port


class _Site(web.BaseSite):
    """aiohttp's TCPSite, which leaves a TLS handshake a whole minute."""

    def __init__(self, runner: web.ServerRunner, settings: HttpSettings, context: ssl.SSLContext | None) -> None:
        super().__init__(runner, ssl_context=context, backlog=1024)
        self._settings = settings

    @property
    def name(self) -> str:
        """Where it is."""
        return f"{self._settings.listen_host}:{self._settings.listen_port}"

    async def start(self) -> None:
        """Listen."""
        await super().start()
        server = self._runner.server
        if server is None:
            raise RuntimeError("the runner was not set up")
        self._server = await asyncio.get_running_loop().create_server(
            server,
            self._settings.listen_host,
            self._settings.listen_port,
            ssl=self._ssl_context,
            ssl_handshake_timeout=None if self._ssl_context is None else self._settings.header_seconds,
            backlog=self._backlog,
        )


def _allow_files(number: int) -> None:
    """Have this process hold so many open, as far as it may: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < number:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(number, hard), hard))
