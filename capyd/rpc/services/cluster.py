"""ClusterService."""

from collections.abc import AsyncIterator

from capyd.domain.paging import parse_page_request
from capyd.domain.principals import Principal
from capyd.rpc.messages import to_check_report, to_event, to_timestamp
from capyd.rpc.presence import int_or_none, text_or_none
from capyd.usecases.cluster import Cluster
from capyd.usecases.doctor import Doctor
from capyd.usecases.events import Events
from capyd.v1 import cluster_pb2 as pb


class ClusterServicer:
    """What this daemon serves."""

    def __init__(self, *, cluster: Cluster, doctor: Doctor, events: Events) -> None:
        self._cluster = cluster
        self._doctor = doctor
        self._events = events

    async def GetStatus(self, request: pb.GetStatusRequest, principal: Principal) -> pb.GetStatusResponse:
        health = await self._cluster.health()
        return pb.GetStatusResponse(
            service="capyd",
            status=health.health,
            generated_at=to_timestamp(health.generated_at),
            updated_at=to_timestamp(health.changed_at),
            components=[
                pb.Component(name=part.name, status=part.health, message=part.message) for part in health.components
            ],
            regions=[self._cluster.settings.region],
            cluster=pb.ClusterStatus(
                spares=None
                if health.spares is None
                else pb.SpareStatus(
                    ready=health.spares.ready,
                    building=health.spares.building,
                    target=health.spares.target,
                    claims_per_minute=health.spares.claims_per_minute,
                )
            ),
        )

    async def CheckCluster(self, request: pb.CheckClusterRequest, principal: Principal) -> pb.CheckClusterResponse:
        return to_check_report(await self._doctor.check(repair=request.repair))

    async def WatchEvents(
        self, request: pb.WatchEventsRequest, principal: Principal
    ) -> AsyncIterator[pb.WatchEventsResponse]:
        following = self._events.watch(
            after=int_or_none(request, "after_sequence"), stream_id=text_or_none(request, "stream_id")
        )
        async for news in following:
            yield pb.WatchEventsResponse(
                stream_id=news.stream_id,
                newest_sequence=news.newest,
                events=[to_event(event) for event in news.events],
            )

    async def ListEvents(self, request: pb.ListEventsRequest, principal: Principal) -> pb.ListEventsResponse:
        stream, found = await self._events.list(
            after=int_or_none(request, "after_sequence"), size=parse_page_request(request.page_size, "").size
        )
        return pb.ListEventsResponse(
            stream_id=stream.id,
            oldest_sequence=stream.oldest,
            newest_sequence=stream.newest,
            events=[to_event(event) for event in found],
        )

    async def ListRegions(self, request: pb.ListRegionsRequest, principal: Principal) -> pb.ListRegionsResponse:
        settings = self._cluster.settings
        region = pb.Region(id=settings.region, display_name=settings.region_name, location=settings.region_location)
        return pb.ListRegionsResponse(regions=[region.id], region_details=[region])

    async def ListClusters(self, request: pb.ListClustersRequest, principal: Principal) -> pb.ListClustersResponse:
        settings = self._cluster.settings
        cluster = pb.Cluster(
            id=settings.id,
            name=settings.name,
            provider=settings.provider,
            region=settings.region,
            public_host=settings.public_host,
            direct_port=settings.direct_port,
            pooled_port=settings.pooled_port,
            postgres_version=self._cluster.postgres_version,
            extensions=self._cluster.extensions,
            state="ready" if self._cluster.is_reachable else "unreachable",
            supports_point_in_time_recovery=False,
        )
        return pb.ListClustersResponse(clusters=[cluster])

    async def ListPostgresVersions(
        self, request: pb.ListPostgresVersionsRequest, principal: Principal
    ) -> pb.ListPostgresVersionsResponse:
        version = self._cluster.postgres_version
        versions = (
            []
            if version is None
            else [pb.PostgresVersion(version=version, channel="stable", default=True, production_ready=True)]
        )
        return pb.ListPostgresVersionsResponse(versions=versions)
