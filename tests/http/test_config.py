import re
import tomllib
from pathlib import Path

from pydantic import BaseModel

from capyd.runtime.settings_file import read_settings
from capyd_http.config import HttpSettings

EXAMPLE = Path(__file__).parents[2] / "deploy" / "http.toml.example"


def test_the_example_shows_every_setting_with_its_default(tmp_path: Path) -> None:
    assert read_settings(EXAMPLE, HttpSettings) == HttpSettings()
    shown = re.sub(r"^# ?([a-z_]+ = )", r"\1", EXAMPLE.read_text(), flags=re.MULTILINE)
    values = tomllib.loads(shown)
    file = tmp_path / "http.toml"
    file.write_text(shown)
    everything, defaults = read_settings(file, HttpSettings), HttpSettings()
    for name in HttpSettings.model_fields:
        section, default = getattr(everything, name), getattr(defaults, name)
        if not isinstance(section, BaseModel):
            assert name in values, name
            assert default in (None, section), name
            continue
        for field in type(section).model_fields:
            assert field in values[name], (name, field)
            # What is absent by default can only be shown as an example.
            assert getattr(default, field) in (None, getattr(section, field)), (name, field)
