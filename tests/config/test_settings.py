import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from capyd.config import Settings
from capyd.config.settings import PlanSettings, SessionIssuerSettings
from capyd.domain.plans import DEFAULT_PLANS
from capyd.runtime.settings_file import SettingsError, read_settings

EXAMPLE = Path(__file__).parents[2] / "deploy" / "capyd.toml.example"


def _write(path: Path, text: str) -> Path:
    file = path / "capyd.toml"
    file.write_text(text)
    return file


def _shown(text: str) -> str:
    """The example with every optional line switched on."""
    return re.sub(r"^# ?(\[\[?|[a-z_]+ = )", r"\1", text, flags=re.MULTILINE)


def test_the_example_can_be_used_as_it_is() -> None:
    assert read_settings(EXAMPLE, Settings).cluster.id == "cls_main"


def test_the_example_shows_every_setting_with_its_default(tmp_path: Path) -> None:
    shown = tomllib.loads(_shown(EXAMPLE.read_text()))
    for name, field in Settings.model_fields.items():
        if name == "plans":
            continue
        if name == "sessions":
            assert set(shown[name][0]) == set(SessionIssuerSettings.model_fields)
            continue
        assert isinstance(field.annotation, type)
        assert issubclass(field.annotation, BaseModel)
        assert set(shown[name]) == set(field.annotation.model_fields), name
    # Two ways to an issuer's keys, of which a file has one.
    text = re.sub(r"^public_key_file.*\n", "", _shown(EXAMPLE.read_text()), flags=re.MULTILINE)
    everything = read_settings(_write(tmp_path, text), Settings)
    defaults = read_settings(EXAMPLE, Settings)
    assert everything.all_plans() == DEFAULT_PLANS
    for name in ("cluster", "state", "postgres", "pooler", "spares", "jobs", "extensions", "logs"):
        shown_section, default_section = getattr(everything, name).model_dump(), getattr(defaults, name).model_dump()
        # What is absent by default can only be shown as an example.
        for key in [key for key, value in default_section.items() if value is None]:
            del shown_section[key], default_section[key]
        assert shown_section == default_section


def test_all_mistakes_are_reported_together_and_no_value_is_shown(tmp_path: Path) -> None:
    file = _write(
        tmp_path,
        """
        [cluster]
        id = "main"
        direct_port = 70000
        colour = "hunter2"
        [state]
        path = "relative/file"
        [listen]
        api_address = "0.0.0.0:7070"
        [jobs]
        keep_final = "forever"
        [extensions]
        catalogue = ["dblink"]
        [nonsense]
        """,
    )
    with pytest.raises(SettingsError) as refused:
        read_settings(file, Settings)
    mistakes = str(refused.value).splitlines()
    for place in (
        "cluster.id",
        "cluster.direct_port",
        "cluster.colour",
        "state.path",
        "listen.api_address",
        "jobs.keep_final",
        "extensions",
        "nonsense",
    ):
        assert any(f"{file}: {place}: " in mistake for mistake in mistakes), (place, mistakes)
    assert "hunter2" not in str(refused.value)
    assert len(mistakes) == 8


@pytest.mark.parametrize("text", ["[cluster", "\x00"])
def test_what_is_no_toml_is_said_in_one_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match="not valid TOML"):
        read_settings(_write(tmp_path, text), Settings)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"absent\.toml: cannot be read"):
        read_settings(tmp_path / "absent.toml", Settings)


def test_a_socket_path_that_the_kernel_would_cut_is_refused(tmp_path: Path) -> None:
    file = _write(tmp_path, f'[cluster]\nid = "cls_a"\n[listen]\nadmin_socket = "/{"x" * 120}"\n')
    with pytest.raises(SettingsError, match="107 bytes"):
        read_settings(file, Settings)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[pooler]\ntls_key_file = "/k"\n', "belong together"),
        ('pooled_ssl_mode = "require"\n', "no certificate"),
        ('pooled_ssl_mode = "disable"\n[pooler]\ntls_certificate_file = "/c"\ntls_key_file = "/k"\n', "without TLS"),
    ],
)
def test_pooled_urls_cannot_say_what_the_pooler_does_not_do(tmp_path: Path, text: str, said: str) -> None:
    file = _write(tmp_path, f'[cluster]\nid = "cls_a"\n{text}')
    with pytest.raises(SettingsError, match=said):
        read_settings(file, Settings)


def test_pooled_urls_follow_the_certificate(tmp_path: Path) -> None:
    text = '[cluster]\nid = "cls_a"\n'
    certified = text + '[pooler]\ntls_certificate_file = "/c"\ntls_key_file = "/k"\n'
    modes = [read_settings(_write(tmp_path, each), Settings).pooled_ssl_mode for each in (text, certified)]
    assert modes == ["disable", "require"]


def test_plans_of_the_file_replace_the_defaults() -> None:
    plan = PlanSettings(max_connections=3, storage_gib=1, statement_timeout="5s", idle_transaction_timeout="6s")
    assert plan.to_plan("small").storage_limit_bytes == 1024**3
