"""Builds the gateway out of its parts and runs it."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
from aiohttp import web

from capyd.client.channel import open_channel
from capyd_http.answers import json_answer
from capyd_http.backend import Backend
from capyd_http.config import HttpSettings
from capyd_http.front import Front
from capyd_http.health import healthz, readyz
from capyd_http.openapi.document import openapi_json
from capyd_http.operations import operation
from capyd_http.protocol import JsonServer
from capyd_http.router import Router, Visit
from capyd_http.transcode.methods import http_methods


class ListenError(Exception):
    """The address cannot be listened on. Its text says why, in one sentence."""


@asynccontextmanager
async def running_gateway(settings: HttpSettings) -> AsyncIterator[int]:
    """Serve while the block runs; its value is the port. Needs no daemon to start, nor to stay.

    On leaving, no new connection is accepted, and requests in hand have their deadline's time to finish.

    Raises:
        ListenError: the address cannot be listened on.
    """
    channel = open_channel(settings.backend)
    try:
        server = JsonServer(Front(_router(channel, settings)), max_body_bytes=settings.max_body_bytes)
        runner = web.ServerRunner(server, shutdown_timeout=settings.deadline_seconds)
        await runner.setup()
        try:
            yield await _listen(runner, settings)
        finally:
            await runner.cleanup()
    finally:
        await channel.close()


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


async def _listen(runner: web.ServerRunner, settings: HttpSettings) -> int:
    site = web.TCPSite(runner, settings.listen_host, settings.listen_port)
    try:
        await site.start()
    except OSError as error:
        address = f"{settings.listen_host}:{settings.listen_port}"
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise ListenError(f"cannot listen on {address}: {reason}") from error
    port: int = runner.addresses[0][1]
    return port
