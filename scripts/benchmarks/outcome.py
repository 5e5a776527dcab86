"""What one run of `scripts/bench` found, and its form for machines."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from benchmarks.benchmark import Report
from benchmarks.machine import Machine


@dataclass(frozen=True, slots=True)
class Outcome:
    """The reports, and what they are of."""

    at: datetime
    command: str
    """Measures the same again."""
    machine: Machine
    reports: Mapping[str, Report]
    """By the benchmark's name."""

    def to_json(self) -> dict[str, Any]:
        """Times in milliseconds; ratios are of the medians."""
        return {
            "at": self.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "command": self.command,
            "machine": asdict(self.machine),
            "benchmarks": {name: _report(report) for name, report in self.reports.items()},
        }


def _report(report: Report) -> dict[str, Any]:
    return {
        "reference": report.reference,
        "disk": report.disk,
        "versions": report.versions,
        "rows": [
            {
                "name": row.name,
                "includes": row.includes,
                "n": len(row.milliseconds),
                "median_ms": round(row.median, 3),
                "p99_ms": round(row.p99, 3),
                "ratio": round(report.ratio(row), 4),
                "samples_ms": [round(sample, 3) for sample in row.milliseconds],
            }
            for row in report.rows
        ],
        "notes": list(report.notes),
    }
