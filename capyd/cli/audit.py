"""`capyd audit`."""

import json
import sys
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Final

import click

from capyd.cli.daemon_calls import TIMEOUT_SECONDS, call_daemon, json_option, target_option
from capyd.cli.tables import moment, print_table
from capyd.client.channel import Channel
from capyd.domain.audit import AuditEvent, ChainHead
from capyd.domain.audit_check import ChainCheck
from capyd.domain.audit_export import ExportLineError, from_export_line, to_export_line
from capyd.rpc.audit_messages import from_audit_record
from capyd.sqlite.audit_file import AuditFileError, read_audit_file, read_newest_sequence
from capyd.v1 import audit_pb2 as pb
from capyd.v1.audit_pb2_grpc import AuditServiceStub

_PAGE: Final = 1000
_OFF: Final = 1
_COULD_NOT_LOOK: Final = 2
_SQLITE: Final = b"SQLite format 3\0"


@click.group()
def audit() -> None:
    """Who did what, and who was refused."""


@audit.command("list")
@target_option
@click.option("--project", "project_id", metavar="PROJECT", help="Of this project alone, also a deleted one.")
@click.option("--organization", "organization_id", metavar="ORG", help="Of this organization alone.")
@click.option("--limit", type=click.IntRange(1, _PAGE), default=25, show_default=True, help="The newest so many.")
@json_option
def list_events(*, target: str, project_id: str | None, organization_id: str | None, limit: int, as_json: bool) -> None:
    """Show the newest events, the newest first."""

    async def calls(channel: Channel) -> pb.ListAuditRecordsResponse:
        return await AuditServiceStub(channel).ListAuditRecords(
            pb.ListAuditRecordsRequest(project_id=project_id, organization_id=organization_id, page_size=limit),
            timeout=TIMEOUT_SECONDS,
        )

    found = call_daemon(target, calls)
    if as_json:
        for record in found.records:
            click.echo(to_export_line(from_audit_record(record)))
        return
    print_table(
        found.records,
        [
            ("SEQUENCE", lambda record: str(record.sequence)),
            ("WHEN", lambda record: moment(record.created_at)),
            ("WHO", lambda record: record.actor_id or record.actor_kind),
            ("ACTION", lambda record: record.action),
            ("TARGET", lambda record: record.target_id or record.project_id or "-"),
            ("OUTCOME", lambda record: record.outcome),
            ("FROM", lambda record: record.address or "-"),
        ],
    )


@audit.command()
@target_option
@click.option("--after", type=click.IntRange(min=0), default=0, help="Only what follows this sequence.")
def export(*, target: str, after: int) -> None:
    """Print the whole trail, the oldest first, as lines of JSON, with the hashes that prove it."""

    async def calls(channel: Channel) -> None:
        async for event in _all_events(channel, after=after):
            click.echo(to_export_line(event))

    call_daemon(target, calls)


@audit.command()
@target_option
@click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A state file, a backup, or an export, with no daemon asked. [default: ask the daemon]",
)
@json_option
def verify(*, target: str, path: Path | None, as_json: bool) -> None:
    """Compute every hash anew, and say whether anything was altered, removed, inserted or moved.

    The exit code is 0 when all is as it was written, 1 when it is not, and 2 when it could not be looked at.
    """
    try:
        check, witness = call_daemon(target, _check_daemon) if path is None else (_check_file(path), None)
    except (click.ClickException, AuditFileError, ExportLineError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(_COULD_NOT_LOOK)
    if as_json:
        shown = {
            "events": check.number,
            "newest_sequence": check.head.sequence,
            "head": check.head.hash.hex(),
            "noted_sequence": None if witness is None else witness.sequence,
            "problems": check.problems,
            "lost": check.lost,
        }
        click.echo(json.dumps(shown, indent=2, ensure_ascii=False))
    else:
        _say(check, witness, asked=path is None)
    if check.problems:
        sys.exit(_OFF)


def _say(check: ChainCheck, witness: ChainHead | None, *, asked: bool) -> None:
    for line in (*check.lost, *check.problems):
        click.echo(line)
    if check.problems:
        click.echo(f"{check.number} audit events were read, and they are not as they were written", err=True)
        return
    noted = "the ledger was not asked"
    if asked:
        noted = "PostgreSQL is away, so that the ledger could not be asked"
    if witness is not None:
        noted = f"the ledger in the cluster has noted {witness.sequence}, which is the same here"
    click.echo(f"{check.number} audit events are as they were written, up to {check.head.sequence}; {noted}")


async def _check_daemon(channel: Channel) -> tuple[ChainCheck, ChainHead | None]:
    # The head first: what is written meanwhile comes behind it.
    head = await AuditServiceStub(channel).GetAuditHead(pb.GetAuditHeadRequest(), timeout=TIMEOUT_SECONDS)
    witness = ChainHead(head.noted_sequence, head.noted_hash) if head.HasField("noted_sequence") else None
    check = ChainCheck()
    check.expect(witness)
    async for event in _all_events(channel, after=0):
        check.add(event)
    check.finish(newest=head.newest_sequence)
    return check, witness


def _check_file(path: Path) -> ChainCheck:
    check = ChainCheck()
    with path.open("rb") as file:
        is_database = file.read(len(_SQLITE)) == _SQLITE
    if is_database:
        return _checked(check, read_audit_file(path), newest=read_newest_sequence(path))
    with path.open(encoding="utf-8", errors="strict") as lines:
        return _checked(check, map(from_export_line, lines), newest=None)


def _checked(check: ChainCheck, events: Iterable[AuditEvent], *, newest: int | None) -> ChainCheck:
    """`newest` None: part of a chain, wherever that begins and ends."""
    for event in events:
        if newest is None and not check.number:
            check.begin_with(event)
        check.add(event)
    check.finish(newest=newest)
    return check


async def _all_events(channel: Channel, *, after: int) -> AsyncIterator[AuditEvent]:
    while True:
        page = await AuditServiceStub(channel).ListAuditRecords(
            pb.ListAuditRecordsRequest(after_sequence=after, page_size=_PAGE), timeout=TIMEOUT_SECONDS
        )
        for record in page.records:
            yield from_audit_record(record)
        if len(page.records) < _PAGE:
            return
        after = page.records[-1].sequence
