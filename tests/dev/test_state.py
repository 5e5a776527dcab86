"""What lies in a state directory, and where the servers' files go."""

import json
import os
import stat
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from capyd.config.settings import Settings
from capyd.dev.errors import StackError
from capyd.dev.layout import Layout
from capyd.dev.lock import FileLock, HeldError
from capyd.dev.memory import Memory, read_memory, write_memory
from capyd.dev.open_layout import open_layout, open_state_directory
from capyd.dev.ready_file import Ready, write_ready_file
from capyd.dev.secrets_files import ensure_secrets
from capyd.dev.servers_directory import abandoned_directories, open_servers_directory, remove_servers_directory
from capyd.dev.settings_files import render_daemon_settings, render_gateway_settings
from capyd.dev.tls import Tls, ssl_mode
from capyd.host.postgres_install import PostgresInstall
from capyd.host.users import OsUser, current_user
from capyd_http.config import HttpSettings

PORTS = {"http": 1, "grpc": 2, "postgres": 3, "pooler": 4}
READY = Ready(
    http_url="http://127.0.0.1:1",
    grpc_target="127.0.0.1:2",
    admin_target="unix:/a",
    api_key="k",
    organization_id="org_1",
    cluster_id="cls_1",
    direct_port=3,
    pooled_port=4,
    postgres_version="15.18",
    pids={},
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def layout(tmp_path: Path):
    me = current_user()
    with open_layout(open_state_directory(tmp_path / "s", me), me, me) as layout:
        yield layout


def test_memory_survives(tmp_path: Path) -> None:
    path = tmp_path / "dev.json"
    memory = replace(read_memory(path), ports=PORTS)
    write_memory(path, memory)
    assert read_memory(path) == memory
    assert Memory().cluster_id != memory.cluster_id


def test_one_owner_at_a_time(tmp_path: Path) -> None:
    lock = FileLock.acquire(tmp_path / "lock")
    with pytest.raises(HeldError) as held:
        FileLock.acquire(tmp_path / "lock")
    assert held.value.pid == os.getpid()
    lock.close()
    FileLock.acquire(tmp_path / "lock").close()


def test_secrets_are_made_once_and_shut(layout: Layout) -> None:
    ensure_secrets(layout)
    key, password = layout.secret_key.read_text(), layout.console_password.read_text()
    assert mode(layout.secret_key) == mode(layout.console_password) == 0o600
    ensure_secrets(layout)
    assert (layout.secret_key.read_text(), layout.console_password.read_text()) == (key, password)


def test_a_lost_key_is_not_replaced_while_there_is_a_state_to_read(layout: Layout) -> None:
    ensure_secrets(layout)
    layout.secret_key.unlink()
    layout.state_file.touch()
    with pytest.raises(StackError, match=r"secret\.key is missing"):
        ensure_secrets(layout)


@pytest.mark.parametrize("major", [15, 18])
@pytest.mark.parametrize(
    "tls", [Tls(direct=True, pooled=True), Tls(direct=False, pooled=True), Tls(direct=False, pooled=False)]
)
def test_the_settings_are_what_daemon_and_gateway_take(layout: Layout, major: int, tls: Tls) -> None:
    memory = Memory(ports=PORTS)
    install = PostgresInstall(Path("/usr/bin"), f"{major}.1", has_tls=tls.direct)
    daemon = Settings.model_validate(
        tomllib.loads(render_daemon_settings(layout, memory, install, Path("/usr/sbin/pgbouncer"), tls).decode())
    )
    assert (daemon.cluster.direct_port, daemon.cluster.pooled_port) == (3, 4)
    assert (daemon.cluster.direct_ssl_mode, daemon.pooled_ssl_mode) == (ssl_mode(tls.direct), ssl_mode(tls.pooled))
    assert (daemon.postgres.ident_file is None) == (major >= 16)
    gateway = HttpSettings.model_validate(tomllib.loads(render_gateway_settings(layout, memory).decode()))
    assert gateway.backend == f"unix:{daemon.listen.api_socket}"


def test_the_ready_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "ready.json"
    path.touch(mode=0o644)
    write_ready_file(path, READY)
    assert json.loads(path.read_text()) == READY
    assert mode(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_directory_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(StackError, match="holds other files"):
        open_state_directory(tmp_path, current_user())


def test_another_users_directory_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="belongs to another user than stranger"):
        open_state_directory(tmp_path, OsUser("stranger", 4321, 4321, (4321,)))


@pytest.mark.parametrize("name", ["x" * 100, "with space"])
def test_sockets_go_elsewhere_when_the_path_does_not_suit_them(tmp_path: Path, name: str) -> None:
    me = current_user()
    with open_layout(open_state_directory(tmp_path / name, me), me, me) as layout:
        assert len(str(layout.server_sockets / ".s.PGSQL.65535")) <= 107
        assert len(str(layout.admin_socket)) <= 107
        assert layout.sockets.is_dir()
    assert not layout.sockets.exists()


def test_sockets_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    me = current_user()
    state = open_state_directory(tmp_path / "with space", me)
    left = tmp_path / "left"
    left.mkdir()
    (state / "sockets").symlink_to(left)
    with open_layout(state, me, me) as layout:
        assert not left.exists()
        assert layout.sockets != left


class TestServersDirectory:
    """Where root's servers have their files. Here under another root than /var/lib."""

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        return tmp_path / "lib"

    def state(self, tmp_path: Path, name: str = "state") -> Path:
        state = tmp_path / name
        state.mkdir()
        return state

    def test_it_is_made_once(self, tmp_path: Path, root: Path) -> None:
        state = self.state(tmp_path)
        directory = open_servers_directory(state, root=root)
        assert mode(directory) == 0o711
        assert (state / "servers").resolve() == directory
        assert open_servers_directory(state, root=root) == directory
        assert abandoned_directories(root=root) == []

    def test_it_is_abandoned_with_its_state_directory(self, tmp_path: Path, root: Path) -> None:
        state = self.state(tmp_path)
        directory = open_servers_directory(state, root=root)
        (state / "servers").unlink()
        state.rmdir()
        assert abandoned_directories(root=root) == [directory]
        remove_servers_directory(directory, root=root)
        assert not directory.exists()

    def test_it_follows_a_state_directory_that_moves(self, tmp_path: Path, root: Path) -> None:
        state = self.state(tmp_path)
        directory = open_servers_directory(state, root=root)
        moved = state.rename(tmp_path / "moved")
        assert open_servers_directory(moved, root=root) == directory
        assert abandoned_directories(root=root) == []

    def test_a_copied_state_directory_does_not_share_it(self, tmp_path: Path, root: Path) -> None:
        directory = open_servers_directory(self.state(tmp_path), root=root)
        copy = self.state(tmp_path, "copy")
        (copy / "servers").symlink_to(directory)
        with pytest.raises(StackError, match="is a copy of"):
            open_servers_directory(copy, root=root)

    def test_one_that_was_removed_is_made_anew(self, tmp_path: Path, root: Path) -> None:
        state = self.state(tmp_path)
        remove_servers_directory(open_servers_directory(state, root=root), root=root)
        assert open_servers_directory(state, root=root).is_dir()
