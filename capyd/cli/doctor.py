"""`capyd doctor`."""

import sys
from typing import Final

import click

from capyd.cli.attack import run_attack
from capyd.cli.daemon_calls import call_daemon, json_option, target_option
from capyd.cli.tables import print_json, print_table
from capyd.client.channel import Channel
from capyd.v1 import cluster_pb2 as pb
from capyd.v1.cluster_pb2_grpc import ClusterServiceStub

_OFF: Final = 1
_COULD_NOT_LOOK: Final = 2
# A repair drops databases, one at a time, each with a checkpoint.
_TIMEOUT_SECONDS: Final = 600.0


@click.command()
@target_option
@click.option("--repair", is_flag=True, help="Mend what is safe to mend.")
@click.option("--attack", is_flag=True, help="Instead: attack this cluster as a tenant, with two canaries of its own.")
@click.option("--category", "categories", multiple=True, help="With --attack: these attempts alone; may be repeated.")
@json_option
def doctor(*, target: str, repair: bool, attack: bool, categories: tuple[str, ...], as_json: bool) -> None:
    """Compare projects, ledger, PostgreSQL and the pooler, and say what is off.

    The exit code is 0 when nothing is (any more), 1 when something is, and 2 when it could not be looked at.
    With --attack: whether every attempt came to what was expected of it.
    """
    if attack:
        if repair:
            raise click.UsageError("--attack mends nothing: give it without --repair")
        run_attack(target, categories, as_json=as_json)
        return
    if categories:
        raise click.UsageError("--category chooses attempts: give it with --attack")

    async def calls(channel: Channel) -> pb.CheckClusterResponse:
        return await ClusterServiceStub(channel).CheckCluster(
            pb.CheckClusterRequest(repair=repair), timeout=_TIMEOUT_SECONDS
        )

    try:
        report = call_daemon(target, calls)
    except click.ClickException as error:
        error.show()
        sys.exit(_COULD_NOT_LOOK)
    if as_json:
        print_json(report)
    elif report.findings:
        _print_findings(report)
    else:
        click.echo(f"nothing is off; compared: {_compared(report.compared)}")
    if not all(finding.repaired for finding in report.findings):
        sys.exit(_OFF)


def _print_findings(report: pb.CheckClusterResponse) -> None:
    print_table(
        report.findings,
        [
            ("KIND", lambda finding: finding.kind),
            ("SUBJECT", lambda finding: finding.subject),
            ("PROJECT", lambda finding: finding.project_id or "-"),
            ("WHAT IS OFF", lambda finding: finding.message),
            ("DONE", _done),
        ],
    )
    left = [finding for finding in report.findings if not finding.repaired]
    mendable = sum(finding.safe_to_repair for finding in left)
    words = [f"{len(report.findings)} off", f"{len(report.findings) - len(left)} mended"]
    if mendable:
        words.append(f"{mendable} that --repair can mend")
    click.echo(f"{', '.join(words)}; compared: {_compared(report.compared)}", err=True)


def _done(finding: pb.Finding) -> str:
    if finding.repaired:
        return "mended"
    return "nothing yet" if finding.safe_to_repair else "reported only"


def _compared(compared: pb.Compared) -> str:
    return (
        f"projects {compared.projects}, tenants and spares {compared.tenants}, databases {compared.databases},"
        f" roles {compared.roles}, pooler entries {compared.pooler_entries}"
    )
