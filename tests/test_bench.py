"""`scripts/bench`: that it measures, says so in its form, and leaves nothing; how fast anything is, no test says."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"
SCRATCH = Path("/var/tmp")


async def bench(*arguments: str) -> tuple[int, str, str]:
    """Exit status, standard output, standard error."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks", *arguments),
        env={**os.environ, "PYTHONPATH": str(SCRIPTS)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()


async def test_one_round_has_a_sample_of_every_row():
    status, output, errors = await bench("create", "--rounds", "1", "--json")

    assert status == 0, errors
    outcome = json.loads(output)
    assert outcome["machine"]["cores"] >= 1
    report = outcome["benchmarks"]["create"]
    rows = {row["name"]: row for row in report["rows"]}
    assert {"create, job polled", "create without spares", report["reference"]} <= rows.keys()
    for row in rows.values():
        assert row["n"] == len(row["samples_ms"]) == 1
        assert row["median_ms"] == row["p99_ms"] == row["samples_ms"][0] > 0
    assert rows[report["reference"]]["ratio"] == 1
    assert report["versions"].keys() >= {"capyd", "PostgreSQL", "PgBouncer"}


async def test_the_pooler_is_measured_at_every_size():
    status, output, errors = await bench("pooler", "--rounds", "1", "--json")

    assert status == 0, errors
    rows = {row["name"]: row for row in json.loads(output)["benchmarks"]["pooler"]["rows"]}
    assert {"RELOAD, 1,000 entries", "a change, 1,000 entries"} <= rows.keys()
    assert all(row["median_ms"] > 0 for row in rows.values())


async def test_what_cannot_start_is_a_sentence(tmp_path):
    status, output, errors = await bench("create", "--postgres-bin", str(tmp_path))

    assert status == 1
    assert output == ""
    assert "Error: create: a child ended" in errors
    assert str(tmp_path) in errors
    assert "Traceback" not in errors


async def test_an_unknown_benchmark_is_refused():
    status, _, errors = await bench("nothing")

    assert status == 2
    assert "create" in errors


@pytest.fixture(autouse=True)
def nothing_is_left():
    """No directory of a benchmark stays behind."""
    before = set(SCRATCH.glob("capyd-bench-*"))
    yield
    assert set(SCRATCH.glob("capyd-bench-*")) <= before


@pytest.mark.full
async def test_a_burst_is_compared_with_the_fastest_bare_one():
    status, output, errors = await bench("burst", "--rounds", "1", "--json")

    assert status == 0, errors
    report = json.loads(output)["benchmarks"]["burst"]
    medians = {row["name"]: row["median_ms"] for row in report["rows"]}
    assert report["reference"] == min((name for name in medians if "psycopg" in name), key=lambda name: medians[name])
    assert medians["100 creates at once"] > 0
