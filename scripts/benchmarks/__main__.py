"""`scripts/bench`."""

import asyncio
import json
import shlex
import signal
import sys
from datetime import UTC, datetime

import click
import uvloop
from rich.console import Console

from benchmarks.benchmark import Benchmark, BenchmarkError, Report, Terms
from benchmarks.catalogue import CATALOGUE
from benchmarks.document import DOCUMENT, replace_section
from benchmarks.machine import describe_machine
from benchmarks.outcome import Outcome
from benchmarks.tables import print_report, render_markdown
from benchmarks.telling import Telling

_LISTING = "\n".join(f"  {benchmark.name}: {benchmark.summary}" for benchmark in CATALOGUE.values())


@click.command(epilog=f"\b\nBenchmarks:\n{_LISTING}", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1, type=click.Choice(list(CATALOGUE)), metavar="[NAME]...")
@click.option(
    "--rounds",
    type=click.IntRange(1, 500),
    default=50,
    show_default=True,
    help="Samples of each row. A round leaves some 60 MB on the disk until the end.",
)
@click.option("--postgres-bin", metavar="DIR", help="As of `capyd dev`.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with every sample.")
@click.option("--write", is_flag=True, help="Put the numbers into docs/benchmarks.md.")
def main(names: tuple[str, ...], *, rounds: int, postgres_bin: str | None, as_json: bool, write: bool) -> None:
    """Measure this clone on this machine, on stacks of its own: the benchmarks that are named, or all."""
    telling = Telling(Console(stderr=True))
    chosen = [CATALOGUE[name] for name in names or CATALOGUE]
    if not names:
        click.echo(f"All benchmarks:\n{_LISTING}", err=True)
    at, machine = datetime.now(UTC), describe_machine()
    reports = {}
    for benchmark in chosen:
        try:
            reports[benchmark.name] = _measure(benchmark, telling, rounds=rounds, postgres_bin=postgres_bin)
        except BenchmarkError as error:
            raise click.ClickException(f"{benchmark.name}: {error}") from error
        except asyncio.CancelledError:
            raise SystemExit(128 + signal.SIGTERM) from None
    outcome = Outcome(at, shlex.join(["scripts/bench", *sys.argv[1:]]), machine, reports)
    if as_json:
        click.echo(json.dumps(outcome.to_json(), indent=1))
    else:
        for name, report in reports.items():
            print_report(Console(), name, report)
    if write:
        _write(outcome)


def _measure(benchmark: Benchmark, telling: Telling, *, rounds: int, postgres_bin: str | None) -> Report:
    with telling.about(benchmark.name) as tell, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        terms = Terms(rounds=rounds, postgres_bin=postgres_bin, tell=tell)
        return runner.run(_until_stopped(benchmark, terms))


async def _until_stopped(benchmark: Benchmark, terms: Terms) -> Report:
    """SIGTERM ends it as Ctrl-C does: in order, with all that was started."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await benchmark.run(terms)


def _write(outcome: Outcome) -> None:
    text = DOCUMENT.read_text()
    for name in outcome.reports:
        text = replace_section(text, name, render_markdown(name, outcome))
    DOCUMENT.write_text(text)


if __name__ == "__main__":
    main(prog_name="scripts/bench")
