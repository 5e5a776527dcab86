"""`capyd status`."""

import sys
from typing import Final

import click

from capyd.cli.daemon_calls import TIMEOUT_SECONDS, call_daemon, json_option, target_option
from capyd.cli.tables import moment, print_json, print_table
from capyd.client.channel import Channel
from capyd.v1 import cluster_pb2 as pb
from capyd.v1.cluster_pb2_grpc import ClusterServiceStub

_NOT_WELL: Final = 1


@click.command()
@target_option
@json_option
def status(*, target: str, as_json: bool) -> None:
    """Say how the service is, part by part.

    The exit code is 0 when all is well, 1 when a part is not, and 3 when no daemon answers.
    """

    async def calls(channel: Channel) -> tuple[pb.GetStatusResponse, pb.ListClustersResponse]:
        stub = ClusterServiceStub(channel)
        return (
            await stub.GetStatus(pb.GetStatusRequest(), timeout=TIMEOUT_SECONDS),
            await stub.ListClusters(pb.ListClustersRequest(), timeout=TIMEOUT_SECONDS),
        )

    found, clusters = call_daemon(target, calls)
    if as_json:
        print_json(found)
    else:
        for cluster in clusters.clusters:
            version = f"PostgreSQL {cluster.postgres_version}" if cluster.postgres_version else "PostgreSQL"
            where = f"{cluster.public_host}:{cluster.direct_port}, pooled on {cluster.pooled_port}"
            click.echo(f"{cluster.id} ({cluster.name}): {version} on {where}; {found.status}")
        click.echo(f"as of {moment(found.generated_at)}, last change {moment(found.updated_at)}\n")
        print_table(
            found.components,
            [
                ("PART", lambda part: part.name),
                ("STATUS", lambda part: part.status),
                ("WHAT", lambda part: part.message),
            ],
        )
    if found.status != "operational":
        sys.exit(_NOT_WELL)
