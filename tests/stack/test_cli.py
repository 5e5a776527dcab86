"""The operator's commands, as programs, on a whole stack."""

import asyncio
import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest

from tests.stack import projects
from tests.stack.projects import Json
from tests.stack.rest import Rest
from tests.stack.running import RunningStack
from tests.stack.tenant import session

# The commands only translate: one version shows it.
pytestmark = pytest.mark.parametrize("installation", ["pg15"], indirect=True, scope="session")

# It prints nothing else.
JSON_ALONE = {("audit", "export")}

Done = subprocess.CompletedProcess[str]


class Cli:
    """`capyd`, told where the daemon is."""

    def __init__(self, target: str, organization_id: str) -> None:
        self.target = target
        self.organization_id = organization_id

    async def __call__(self, *arguments: str, expect: int = 0) -> Done:
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "capyd", *arguments],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "CAPYD_TARGET": self.target},
        )
        assert done.returncode == expect, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    async def json(self, *arguments: str, expect: int = 0) -> Any:
        return json.loads((await self(*arguments, "--json", expect=expect)).stdout)


@pytest.fixture(scope="session")
def cli(stack: RunningStack) -> Cli:
    return Cli(str(stack.ready["admin_target"]), stack.organization_id)


async def test_a_projects_life(cli: Cli, rest: Rest) -> None:
    created = await cli("projects", "create", "By hand", "--organization", cli.organization_id)
    project_id = created.stdout.strip()
    assert re.fullmatch(r"prj_[a-z0-9]{20}", project_id)
    # How it got on is told, and not where a script reads the id.
    assert "project.provision: completed" in created.stderr
    assert project_id in (await cli("projects", "list", "--organization", cli.organization_id)).stdout
    shown = (await cli("projects", "show", project_id)).stdout
    assert re.search(r"^state +ready$", shown, re.MULTILINE)
    assert "postgresql://" not in shown
    assert "postgresql://" in (await cli("projects", "show", project_id, "--urls")).stdout

    urls = (await cli.json("projects", "show", project_id, "--urls"))["connections"]
    await cli("projects", "rotate", project_id)
    rotated = (await cli.json("projects", "show", project_id, "--urls"))["connections"]
    assert (rotated["username"], rotated["direct_url"] != urls["direct_url"]) == (urls["username"], True)

    enabled = await cli("extensions", "enable", project_id, "hstore")
    assert "project.extension_enable: completed" in enabled.stdout
    assert re.search(r"^hstore +1\.", (await cli("extensions", "list", project_id)).stdout, re.MULTILINE)

    listed = await cli.json("jobs", "list", "--project", project_id)
    assert [job["type"] for job in listed["jobs"]] == [
        "project.extension_enable",
        "project.rotate_credentials",
        "project.provision",
    ]
    job_id = listed["jobs"][0]["id"]
    everything = await cli.json("jobs", "list", "--limit", "1000", "--state", "completed", "--state", "failed")
    assert {job["id"] for job in listed["jobs"]} <= {job["id"] for job in everything["jobs"]}
    moments = [job["created_at"] for job in everything["jobs"]]
    assert moments == sorted(moments, reverse=True)
    pending = await cli.json("jobs", "list", "--state", "pending")
    assert not {job["id"] for job in listed["jobs"]} & {job["id"] for job in pending["jobs"]}
    assert "create the extension hstore: done in" in (await cli("jobs", "show", job_id)).stdout
    assert (await cli.json("jobs", "watch", job_id))["job"]["state"] == "completed"
    refused = await cli("jobs", "retry", job_id, expect=1)
    assert "only a failed job can be tried again" in refused.stderr

    unconfirmed = await cli("projects", "delete", project_id, expect=2)
    assert "--yes" in unconfirmed.stderr
    await cli("projects", "delete", project_id, "--yes")
    gone = await cli("projects", "show", project_id, expect=1)
    assert gone.stderr.startswith("Error: ")


async def test_a_job_that_fails_is_exit_code_1_and_its_reason(cli: Cli, rest: Rest) -> None:
    own = await projects.create_ready(rest, "cli fails")
    await cli("extensions", "enable", own["id"], "hstore")
    urls = (await rest.expect(200, "GET", f"/v1/projects/{own['id']}/connections"))["connections"]
    async with session(urls["direct_url"]) as connection:
        await connection.execute("CREATE TABLE t (h hstore)")
    failed = await cli("extensions", "disable", own["id"], "hstore", expect=1)
    assert re.match(r"job_\w+ project.extension_disable: failed", failed.stdout)
    assert re.match(r"job_\w+: .+", failed.stderr.splitlines()[-1])


async def test_numbers_are_numbers_in_json(cli: Cli, project: Json) -> None:
    shown = await cli.json("projects", "show", project["id"])
    assert isinstance(shown["project"]["storage_limit_bytes"], int)
    listed = await cli.json("projects", "list")
    assert {type(one["storage_limit_bytes"]) for one in listed["projects"]} == {int}


async def test_status_tells_every_part(cli: Cli) -> None:
    said = await cli("status")
    assert re.search(r"^postgres +operational", said.stdout, re.MULTILINE)
    assert {part["name"] for part in (await cli.json("status"))["components"]} == {"api", "postgres", "pooler"}


async def test_where_nobody_answers_the_exit_code_is_3(cli: Cli) -> None:
    for arguments in (("status",), ("projects", "list"), ("jobs", "show", "job_1"), ("orgs", "list")):
        refused = await cli(*arguments, "--target", "unix:/nowhere/admin.sock", expect=3)
        assert refused.stderr == (
            "Error: no daemon answers at unix:/nowhere/admin.sock: is it running, and may you open its socket?\n"
        )


async def test_what_is_not_there_is_said_in_one_line(cli: Cli) -> None:
    for arguments in (
        ("projects", "show", "prj_nothing"),
        ("jobs", "show", "job_nothing"),
        ("jobs", "watch", "job_nothing"),
        ("jobs", "cancel", "job_nothing"),
        ("jobs", "list", "--project", "prj_nothing"),
        ("extensions", "list", "prj_nothing"),
        ("projects", "retry", "prj_nothing"),
    ):
        refused = await cli(*arguments, expect=1)
        assert refused.stderr.startswith("Error: ")
        assert len(refused.stderr.splitlines()) == 1, arguments


async def test_the_configuration_is_shown_without_secrets(cli: Cli, stack: RunningStack) -> None:
    file = str(stack.state / "capyd.toml")
    assert (await cli("config", "check", "--config", file)).stdout == f"{file}: fine\n"
    everything = (await cli("config", "show", "--config", file)).stdout
    assert "spares.target = 8" in everything
    assert "spares.target" not in (await cli("config", "show", "--changed", "--config", file)).stdout
    assert json.loads((await cli("config", "show", "--config", file, "--json")).stdout)["cluster"]["id"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
async def test_shells_can_complete(cli: Cli, shell: str) -> None:
    assert "_CAPYD_COMPLETE" in (await cli("completion", shell)).stdout


async def test_every_command_can_be_asked_for_json_and_for_help(cli: Cli) -> None:
    """The whole tree: what talks to a daemon has --json and --target."""
    import click  # noqa: PLC0415

    from capyd.cli import main  # noqa: PLC0415

    def leaves(command: click.Command, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], click.Command]]:
        if isinstance(command, click.Group):
            context = click.Context(command)
            found = []
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                assert inner is not None
                found += leaves(inner, (*path, name))
            return found
        return [(path, command)]

    for path, command in leaves(main, ()):
        options = {option for parameter in command.params for option in parameter.opts}
        assert command.help, path
        if "--target" in options and path not in JSON_ALONE:
            assert "--json" in options, path


async def test_an_organization_changes_its_plan_and_is_suspended_and_released(cli: Cli) -> None:
    organization_id = (await cli("orgs", "create", "Of the command")).stdout.strip()
    said = await cli("orgs", "set-plan", organization_id, "business")
    assert said.stdout == f"{organization_id} has the plan business\n"
    project_id = (await cli("projects", "create", "Moves", "--organization", organization_id)).stdout.strip()
    moved = (await cli("projects", "move-plan", project_id, "ship")).stdout
    assert moved.startswith(f"{organization_id} has the plan ship; 1 project follows")
    assert (await cli.json("projects", "show", project_id))["project"]["plan"] == "ship"
    suspended = await cli.json("orgs", "suspend", organization_id, "--reason", "unpaid")
    assert suspended["organization"]["billing_status"] == "suspended"
    listed = {it["id"]: it for it in (await cli.json("orgs", "list"))["organizations"]}
    assert listed[organization_id]["suspended_reason"] == "unpaid"
    assert (await cli("orgs", "release", organization_id)).stdout.startswith(f"{organization_id} is released")
    await cli("orgs", "suspend", organization_id, expect=2)
    refused = await cli("orgs", "set-plan", organization_id, "huge", expect=1)
    assert "plan must be one of vibe, ship, business" in refused.stderr
