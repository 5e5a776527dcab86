"""A report for people: on a terminal, and in Markdown."""

from rich.console import Console
from rich.table import Table

from benchmarks.benchmark import Report, Row
from benchmarks.outcome import Outcome


def print_report(console: Console, name: str, report: Report) -> None:
    """A table, and what must be known to read it."""
    table = Table(*_header(report), title=name)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in report.rows:
        table.add_row(*_cells(report, row))
    console.print(table)
    for note in report.notes:
        console.print(f"• {note}", style="dim", highlight=False)


def render_markdown(name: str, outcome: Outcome) -> str:
    """The same as a section's text: machine, versions, command, table, what the rows include, notes."""
    report, machine = outcome.reports[name], outcome.machine
    versions = ", ".join(f"{program} {version}" for program, version in report.versions.items())
    header = _header(report)
    return "\n".join(
        [
            f"- {outcome.at:%Y-%m-%d}, `{outcome.command}`",
            f"- {machine.cores} cores ({machine.processor}), {machine.memory_gib} GiB of memory, {machine.kernel}; "
            f"load {machine.load} before the start",
            f"- {report.disk}",
            f"- {versions}",
            "",
            f"| {' | '.join(header)} |",
            f"|{'---|' + '---:|' * (len(header) - 1)}",
            *(f"| {' | '.join(_cells(report, row))} |" for row in report.rows),
            "",
            "What lies between the start of the clock and its stop:",
            "",
            *(f"- **{row.name}**: {row.includes}." for row in report.rows),
            "",
            "To read the numbers rightly:",
            "",
            *(f"- {note}" for note in report.notes),
        ]
    )


def _header(report: Report) -> tuple[str, ...]:
    return ("", "n", "median, ms", "p99, ms", f"× {report.reference}")


def _cells(report: Report, row: Row) -> tuple[str, ...]:
    return (row.name, str(len(row.milliseconds)), f"{row.median:.1f}", f"{row.p99:.1f}", f"{report.ratio(row):.3f}")
