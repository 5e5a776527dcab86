"""How long creating a project takes, beside making a database by hand."""

from contextlib import AsyncExitStack

from benchmarks.benchmark import Benchmark, Report, Terms
from benchmarks.by_hand import Script, Statements
from benchmarks.capyd_creates import open_creates
from benchmarks.constant import running_constant
from benchmarks.disks import describe_disk
from benchmarks.rounds import Contender, interleave
from benchmarks.stacks import WITH_SPARES, WITHOUT_SPARES, running_stack
from benchmarks.versions import measured_versions

REFERENCE = "shell script"


async def run(terms: Terms) -> Report:
    """Start what is to be measured, measure it, and end it."""
    terms.tell("starting the stacks")
    async with AsyncExitStack() as held:
        stack, bare = [
            await held.enter_async_context(running_stack(program, postgres_bin=terms.postgres_bin))
            for program in (WITH_SPARES, WITHOUT_SPARES)
        ]
        creates, slow_creates = [await held.enter_async_context(open_creates(each)) for each in (stack, bare)]
        script = Script(await stack.programs(), stack.administrator)
        statements = Statements(await held.enter_async_context(await stack.connect("postgres")))
        constant = await held.enter_async_context(running_constant())
        groups = (
            # Half of the spares, claimed before the building of new ones begins.
            (
                Contender(
                    "create, job polled",
                    "POST /v1/projects to the GET /v1/jobs/{id} that says `completed`, asked again after 1 ms; "
                    "the spare was built before, and its successor is built after",
                    creates.polled,
                ),
                Contender(
                    "create, job watched",
                    "the same POST to the end of WatchJob over gRPC",
                    creates.watched,
                ),
                Contender(
                    "create to first query",
                    "as polled, then GET connections, a new login as the tenant over TCP, and SELECT 1",
                    creates.direct,
                ),
                Contender(
                    "create to first query, pooled",
                    "the same through PgBouncer, which logs in to the server for it",
                    creates.pooled,
                ),
            ),
            (
                Contender(
                    "create without spares",
                    "as polled, on a second stack that keeps no spares: "
                    "the job builds the database, registers it with the pooler and claims it",
                    slow_creates.polled,
                ),
                Contender(
                    REFERENCE,
                    "psql CREATE ROLE, createdb, psql with grants and one extension, psql login with SELECT 1: "
                    "no limits, no pooler, no record of it",
                    script.run,
                ),
                Contender(
                    "three statements",
                    "CREATE ROLE, CREATE DATABASE and GRANT by psycopg, on a connection that is open already",
                    statements.run,
                ),
                Contender(
                    "constant aiohttp handler",
                    "one POST that is answered with fixed JSON by another process",
                    constant,
                ),
            ),
        )
        rows = await interleave(groups, settle=stack.settle, terms=terms)
        return Report(
            rows=rows,
            reference=REFERENCE,
            disk=describe_disk(stack.servers),
            versions=measured_versions(stack.postgres_version),
            notes=(
                "Everything, the client included, shares the machine's cores; "
                "PostgreSQL and SQLite sync every commit to the disk.",
                "A create with spares moves the slow part (CREATE DATABASE) to before the request and does not avoid "
                "it: creates that come faster than spares are built fall back to the time of `create without spares`.",
                "A capyd create carries a durable job, an encrypted and a hashed password, limits and a pooler entry, "
                "which the script leaves out; the script logs in as well, as `create to first query` does.",
                "Of fewer than 100 samples, p99 is the largest.",
            ),
        )


BENCHMARK = Benchmark("create", "a project, from the request to its first query, beside doing it by hand", run)
