"""Keeps grpc.health.v1 in step with the cluster, service by service."""

import asyncio
from typing import Final

from capyd.provisioning.cluster import ClusterWatch
from capyd.rpc.listeners import Listeners

_NEED_THE_CLUSTER: Final = ("ExtensionService",)
"""They ask the live database. All others answer from the state, and what they accept waits for the cluster."""


class Health:
    """Says of a service that it serves while it can."""

    def __init__(self, listeners: Listeners, cluster: ClusterWatch) -> None:
        self._listeners = listeners
        self._cluster = cluster
        self._changed = asyncio.Event()
        cluster.when_ready(self._look)
        cluster.when_lost(self._changed.set)

    async def run(self) -> None:
        """Say so at each change, until cancelled."""
        while True:
            self._changed.clear()
            for name in _NEED_THE_CLUSTER:
                await self._listeners.set_service(name, serving=self._cluster.trouble is None)
            await self._changed.wait()

    async def _look(self) -> None:
        self._changed.set()
