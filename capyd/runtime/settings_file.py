"""Reads a TOML file into a frozen pydantic model, and reports every mistake in it at once."""

import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError


class Section(BaseModel):
    """One section of a configuration file: frozen, and an unknown key is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class SettingsError(Exception):
    """The configuration cannot be used. Its text names the file and every mistake, one a line."""


Model = TypeVar("Model", bound=BaseModel)


def read_settings(path: Path, model: type[Model]) -> Model:
    """Read `path` as `model`.

    Raises:
        SettingsError: the file cannot be read, is not TOML, or does not fit the model.
    """
    try:
        raw = tomllib.loads(path.read_text())
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from error
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        mistakes = [f"{path}: {_place(mistake['loc'])}: {_sentence(mistake)}" for mistake in error.errors()]
        raise SettingsError("\n".join(mistakes)) from error


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location) or "(the whole file)"


def _sentence(mistake: object) -> str:
    assert isinstance(mistake, dict)  # noqa: S101  (pydantic's ErrorDetails is a TypedDict)
    if mistake["type"] == "extra_forbidden":
        return "there is no such setting"
    return str(mistake["msg"]).removeprefix("Value error, ")
