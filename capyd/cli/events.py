"""`capyd events`."""

import contextlib
from collections.abc import Sequence
from typing import Final

import click

from capyd.cli.daemon_calls import TIMEOUT_SECONDS, call_daemon, target_option
from capyd.cli.tables import moment, print_json_line, print_table
from capyd.client.channel import Channel
from capyd.client.events import follow_events
from capyd.v1 import cluster_pb2 as pb
from capyd.v1.cluster_pb2_grpc import ClusterServiceStub

_PAGE: Final = 500


@click.command()
@target_option
@click.option("--follow", is_flag=True, help="Go on with what happens from now on, until interrupted.")
@click.option("--after", type=click.IntRange(min=0), help="Begin after this sequence. [default: the newest --limit]")
@click.option(
    "--limit", type=click.IntRange(0, _PAGE), default=25, show_default=True, help="How many, without --after."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, a line an event, for programs.")
def events(*, target: str, follow: bool, after: int | None, limit: int, as_json: bool) -> None:
    """Show what has happened on this cluster, the oldest first."""

    async def calls(channel: Channel) -> None:
        position, stream_id = await _print_known(channel, after=after, limit=limit, as_json=as_json)
        if follow:
            async for event in follow_events(channel, after=position, stream_id=stream_id):
                _print([event], as_json=as_json, headed=False)

    with contextlib.suppress(KeyboardInterrupt):
        call_daemon(target, calls)


async def _print_known(channel: Channel, *, after: int | None, limit: int, as_json: bool) -> tuple[int, str]:
    """Print what there is already; returns how far that is, and of which stream."""
    headed = True
    while True:
        request = pb.ListEventsRequest(after_sequence=after, page_size=_PAGE if after is not None else max(limit, 1))
        page = await ClusterServiceStub(channel).ListEvents(request, timeout=TIMEOUT_SECONDS)
        wanted = page.events if after is not None or limit else []
        _print(wanted, as_json=as_json, headed=headed)
        headed = False
        if after is None or len(page.events) < _PAGE:
            return page.events[-1].sequence if page.events else page.newest_sequence, page.stream_id
        after = page.events[-1].sequence


def _print(found: Sequence[pb.Event], *, as_json: bool, headed: bool) -> None:
    if as_json:
        for event in found:
            revision = {"revision": event.revision} if event.HasField("revision") else {}
            print_json_line(event, sequence=event.sequence, **revision)
        return
    print_table(
        found,
        [
            ("SEQUENCE", lambda event: str(event.sequence)),
            ("WHEN", lambda event: moment(event.occurred_at)),
            ("TYPE", lambda event: event.type),
            ("ABOUT", _subject),
            ("WHAT", lambda event: event.message),
        ],
        headed=headed,
    )


def _subject(event: pb.Event) -> str:
    job_id = event.job_id if event.type.startswith("job.") else ""
    return job_id or event.project_id or event.organization_id or "-"
