"""What must hold of what is told about everything else: the events, and the audit trail."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from capyd.domain.audit import ChainHead
from capyd.domain.audit_check import ChainCheck
from capyd.sqlite.audit_file import read_audit_file, read_newest_sequence
from capyd.v1.cluster_pb2 import Event
from reliability.schedule import Verb
from reliability.stack import Stack

# Of an audit row, by what a client asked for.
ACTIONS = {
    Verb.CREATE: "project.create",
    Verb.ENABLE: "extension.enable",
    Verb.DISABLE: "extension.disable",
    Verb.SET: "project.update",
    Verb.ROTATE: "project.rotate_credentials",
    Verb.ROTATE_WITH_GRACE: "project.rotate_credentials",
    Verb.ROTATE_LEAKED: "project.rotate_credentials",
    Verb.DELETE: "project.delete",
}


@dataclass(frozen=True, slots=True)
class Told:
    """What there is to be compared."""

    stack: Stack
    events: Sequence[Event]
    """As the witness was told them, through every death."""
    acknowledged: Counter[tuple[str, Verb]]
    """How often what was acknowledged, by project and verb."""


def events_have_no_gap(told: Told) -> Iterator[str]:
    sequences = [event.sequence for event in told.events]
    if sequences[:1] != [1]:
        yield f"the first was {sequences[:1]}"
    yield from (f"{after} came behind {before}" for before, after in pairwise(sequences) if after != before + 1)
    ((newest,),) = told.stack.query_state("SELECT seq FROM sqlite_sequence WHERE name = 'events'")
    if sequences[-1:] != [newest]:
        yield f"the last was {sequences[-1:]} and not {newest}"


def events_tell_the_truth(told: Told) -> Iterator[str]:
    of_job: defaultdict[str, list[str]] = defaultdict(list)
    of_project: defaultdict[str, list[Event]] = defaultdict(list)
    for event in told.events:
        if event.type.startswith("job."):
            of_job[event.job_id].append(event.type)
        elif event.type.startswith("project."):
            of_project[event.project_id].append(event)
    for job_id, state in told.stack.query_state("SELECT id, state FROM jobs"):
        types = of_job.pop(job_id, [])
        ends = [kind for kind in types if kind in ("job.completed", "job.failed")]
        if state == "pending" and types == ["job.accepted"]:
            continue  # the end of a grace period, which nobody waits for here
        if types[:1] != ["job.accepted"] or ends != [f"job.{state}"] or types[-1:] != ends:
            yield f"{job_id} is {state}, and was told as {types}"
    for project_id, state in told.stack.query_state("SELECT id, state FROM projects"):
        found = of_project.pop(project_id, [])
        states = [event.details["state"] for event in found if "state" in event.details]
        created = sum(event.type == "project.created" for event in found)
        deleted = sum(event.type == "project.deleted" for event in found)
        if created != 1 or deleted != (state == "deleted") or states[-1:] != [state]:
            yield f"{project_id} is {state}, and was told as {[event.type for event in found]}, {states}"
    yield from (f"{unknown}: told of, and not there" for unknown in (*of_job, *of_project))


def audit_chain_is_whole(told: Told) -> Iterator[str]:
    path = told.stack.state / "capyd.sqlite"
    noted = told.stack.query_cluster("SELECT sequence, hash FROM capyd.audit_head")
    check = ChainCheck()
    check.expect(ChainHead(noted[0][0], bytes(noted[0][1])) if noted else None)
    newest = read_newest_sequence(path)
    for event in read_audit_file(path):
        check.add(event)
    check.finish(newest=newest)
    yield from check.problems
    yield from check.lost
    if not noted:
        yield "the ledger has noted nothing of it"


def audit_has_every_mutation(told: Told) -> Iterator[str]:
    rows = told.stack.query_state("SELECT project_id, action, metadata FROM audit_events WHERE outcome = 'accepted'")
    accepted = Counter((project_id, action) for project_id, action, _ in rows)
    for (project_id, verb), number in told.acknowledged.items():
        found = accepted[project_id, ACTIONS[verb]]
        # A PATCH or DELETE of REST has no key: sent again after its answer was lost, it is another request.
        if found < number or (verb in (Verb.CREATE, Verb.ENABLE) and found != number):
            yield f"{project_id}: {number} times {verb} was acknowledged, and {found} times written down"
    created = {project_id for project_id, action, _ in rows if action == "project.create"}
    there = {project_id for (project_id,) in told.stack.query_state("SELECT id FROM projects")}
    yield from (f"{project_id}: written down as made, and not there" for project_id in created - there)
    jobs = {job_id for (job_id,) in told.stack.query_state("SELECT id FROM jobs")}
    named = {json.loads(metadata).get("job_id") for *_, metadata in rows} - {None}
    yield from (f"{job_id}: written down, and not there" for job_id in named - jobs)
