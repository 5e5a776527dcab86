"""`capyd setup`: the parts of an installation that are about PostgreSQL's and the pooler's files."""

import asyncio
from pathlib import Path

import click

from capyd.cli.settings import config_option, load_settings
from capyd.domain.failures import StepError
from capyd.host.command import run_command
from capyd.host.users import current_user
from capyd.pgbouncer.pooler import Pooler
from capyd.pgbouncer.version import parse_version
from capyd.postgres.existing_access import UnfitRulesError, add_hba, add_ident, remove
from capyd.postgres.ident import remove_block
from capyd.runtime.atomic_file import write_atomically

_VERSION_SECONDS = 10
_file = click.Path(path_type=Path, exists=True, dir_okay=False, resolve_path=True)


@click.group()
def setup() -> None:
    """Set capyd up beside a cluster: what `scripts/install` calls."""


@setup.command()
@click.option("--hba", type=_file, required=True, help="The cluster's pg_hba.conf.")
@click.option("--ident", type=_file, required=True, help="The cluster's pg_ident.conf.")
@click.option("--major", type=click.IntRange(min=15), required=True, help="PostgreSQL's major version.")
@click.option("--admin-role", default="capyd", show_default=True)
@click.option("--admin-os-user", default="capyd", show_default=True, help="Whom the daemon runs as.")
@click.option("--pooler-os-user", default="capyd-pooler", show_default=True, help="Whom the pooler runs as.")
@click.option("--remove", "removing", is_flag=True, help="Take the lines out again.")
@click.option("--dry-run", is_flag=True, help="Print both files as they would be.")
def access(
    *,
    hba: Path,
    ident: Path,
    major: int,
    admin_role: str,
    admin_os_user: str,
    pooler_os_user: str,
    removing: bool,
    dry_run: bool,
) -> None:
    """Let the daemon and the pooler into the cluster: lines in pg_hba.conf and pg_ident.conf, before all others."""
    before = {path: path.read_text() for path in (ident, hba)}
    try:
        after = {
            ident: remove_block(remove(before[ident]).encode()).decode()
            if removing
            else add_ident(
                before[ident],
                admin_role=admin_role,
                admin_os_user=admin_os_user,
                pooler_os_user=pooler_os_user,
                major=major,
            ),
            hba: remove(before[hba]) if removing else add_hba(before[hba], admin_role=admin_role, major=major),
        }
    except UnfitRulesError as error:
        raise click.ClickException(f"{hba}: {error}") from error
    for path, text in after.items():
        if dry_run:
            click.echo(f"==> {path}\n{text}")
        elif text == before[path]:
            click.echo(f"{path}: as it should be")
        else:
            write_atomically(path, text.encode())
            click.echo(f"{path}: changed")


@setup.command()
@config_option
def pooler(config: Path) -> None:
    """Write the pooler's configuration, which it starts on, keeping the projects that are in one. Run it as capyd."""
    settings = load_settings(config)
    try:
        asyncio.run(_write_initial_files(settings.pooler.binary, Pooler(settings.pooler, settings.postgres)))
    except StepError as error:
        raise click.ClickException(error.summary) from error
    click.echo(f"{settings.pooler.config_dir}: written")


async def _write_initial_files(binary: Path, pooler: Pooler) -> None:
    text = await run_command([binary, "--version"], user=current_user(), timeout=_VERSION_SECONDS)
    await pooler.write_initial_files(parse_version(text))
