"""A stack that runs a copy of capyd without one of its own defences, and the suite of the real one against it."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import capyd
from capyd.attack.field import Field
from capyd.attack.sql import spelled
from tests.attack.attacks import battlefield, failed, outcomes, rows
from tests.attack.conftest import options
from tests.attack.defects import DEFECTS, Defect
from tests.dev.stacks import Stack, new_stack
from tests.servers import Installation
from tests.stack.running import RunningStack, connected

SOURCE = Path(capyd.__file__).parent


@pytest.fixture
def copy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the package, which new processes run."""
    directory = Path(tempfile.mkdtemp(prefix="capyd-defect-", dir="/tmp"))
    directory.chmod(0o755)
    for package in (SOURCE, SOURCE.parent / "capyd_http"):
        shutil.copytree(package, directory / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setenv("PYTHONPATH", str(directory))
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def spoiled(installation: Installation, copy: Path, defect: Defect) -> Iterator[Stack]:
    """A running stack with the defect."""
    if installation.major < defect.since:
        pytest.skip(f"only from PostgreSQL {defect.since} on")
    spoil(copy / "capyd" / defect.file, defect)
    with new_stack(*options(installation)) as process:
        process.start()
        yield process
        process.stop()


@pytest.mark.full
@pytest.mark.parametrize("defect", [pytest.param(it, id=it.name) for it in DEFECTS])
async def test_a_defect_is_found(stack: RunningStack, spoiled: Stack, defect: Defect) -> None:
    assert await found_on(stack, defect) == []
    async with connected(spoiled) as running:
        found = await found_on(running, defect)
    assert found, f"{defect.row} did not notice"


def spoil(file: Path, defect: Defect) -> None:
    text = file.read_text()
    assert text.count(defect.code) == 1
    file.write_text(text.replace(defect.code, defect.instead))


async def found_on(stack: RunningStack, defect: Defect) -> list[str]:
    """The row's failures."""
    async with battlefield(stack) as field:
        await weaken(stack, field, defect)
        return failed(await outcomes(field, rows(defect.row)))


async def weaken(stack: RunningStack, field: Field, defect: Defect) -> None:
    for statement in defect.besides:
        await stack.administer(spelled(statement, field), database=field.attacker.database)
