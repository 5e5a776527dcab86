"""scripts/install and scripts/uninstall, under a root of their own."""

import stat

from capyd.config import Settings
from capyd.runtime.settings_file import read_settings
from capyd_http.config import HttpSettings
from tests.deploy.conftest import Host


def test_a_second_run_changes_nothing(host: Host) -> None:
    host.install()
    before = host.files()
    host.install()
    assert host.files() == before


def test_a_dry_run_says_much_and_does_nothing(host: Host) -> None:
    before = host.files()
    said = host.install("--dry-run").stdout
    assert "write" in said
    assert "capyd.service" in said
    assert host.files() == before


def test_the_configuration_can_be_used(host: Host) -> None:
    host.install("--public-host", "db1.example.com", "--pooler-port", "6543", "--http-port", "8081")
    settings = read_settings(host.root / "etc/capyd/capyd.toml", Settings)
    assert settings.cluster.public_host == "db1.example.com"
    assert settings.pooler.port == settings.cluster.pooled_port == 6543
    gateway = read_settings(host.root / "etc/capyd/http.toml", HttpSettings)
    assert gateway.backend == f"unix:{settings.listen.api_socket}"
    assert gateway.listen_port == 8081


def test_secrets_are_made_once_and_are_nobody_elses(host: Host) -> None:
    host.install()
    credentials = host.root / "etc/capyd/credentials"
    names = sorted(path.name for path in credentials.iterdir())
    assert names == ["pooler-console.password", "secret.key"]
    for path in (credentials, *credentials.iterdir()):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o007, path


def test_an_instance_has_places_of_its_own(host: Host) -> None:
    host.install("--instance", "--cluster", "15/main")
    host.install("--instance", "--cluster", "15/other")
    one = read_settings(host.root / "etc/capyd/15-main/capyd.toml", Settings)
    other = read_settings(host.root / "etc/capyd/15-other/capyd.toml", Settings)
    assert one.cluster.id != other.cluster.id
    assert one.state.path != other.state.path
    assert one.listen.admin_socket != other.listen.admin_socket
    assert one.pooler.config_dir != other.pooler.config_dir
    assert one.pooler.socket_dir != other.pooler.socket_dir


def test_uninstalling_leaves_the_state_and_purging_does_not(host: Host) -> None:
    bare = set(host.files()) - {"opt/capyd/bin/capyd", "opt/capyd/bin/capyd-http"}
    host.install()
    host.uninstall()
    left = set(host.files()) - bare
    assert left == {
        "etc/capyd/capyd.toml",
        "etc/capyd/http.toml",
        "etc/capyd/credentials/secret.key",
        "etc/capyd/credentials/pooler-console.password",
    }
    host.uninstall("--purge")
    assert set(host.files()) == bare


def test_an_unknown_option_is_refused_before_anything_is_done(host: Host) -> None:
    before = host.files()
    refused = host.install("--roots", check=False)
    assert refused.returncode == 1
    assert "unknown option: --roots" in refused.stderr
    assert host.files() == before
