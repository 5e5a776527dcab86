import base64
import os
from pathlib import Path

import pytest

from capyd.domain.secret import Secret
from capyd.host.sealing import KeyFileError, Sealer, UnsealError, read_key_file, render_key_file

KEY = bytes(range(32))


def test_what_was_sealed_opens_again_for_its_login_alone() -> None:
    sealer = Sealer(KEY)
    sealed = sealer.seal(Secret("hunter2"), login="capy_a")
    assert b"hunter2" not in sealed
    assert sealer.open(sealed, login="capy_a") == Secret("hunter2")
    with pytest.raises(UnsealError, match="another login"):
        sealer.open(sealed, login="capy_b")


def test_no_two_seals_are_alike() -> None:
    sealer = Sealer(KEY)
    assert sealer.seal(Secret("x"), login="a") != sealer.seal(Secret("x"), login="a")


def test_another_key_is_told_from_damage() -> None:
    sealed = Sealer(KEY).seal(Secret("x"), login="a")
    with pytest.raises(UnsealError, match="another key"):
        Sealer(os.urandom(32)).open(sealed, login="a")
    with pytest.raises(UnsealError, match="damaged"):
        Sealer(KEY).open(sealed[:-1] + bytes([sealed[-1] ^ 1]), login="a")
    with pytest.raises(UnsealError):
        Sealer(KEY).open(b"", login="a")


def _key_file(directory: Path, text: bytes, mode: int = 0o600) -> Path:
    path = directory / "key"
    path.write_bytes(text)
    path.chmod(mode)
    return path


def test_a_key_file_is_32_bytes_in_base64(tmp_path: Path) -> None:
    assert read_key_file(_key_file(tmp_path, base64.b64encode(KEY) + b"\n")) == (KEY,)


def test_what_the_key_before_sealed_is_opened_and_told(tmp_path: Path) -> None:
    other = bytes(reversed(KEY))
    keys = read_key_file(_key_file(tmp_path, render_key_file((other, KEY))))
    assert keys == (other, KEY)
    sealer = Sealer(*keys)
    former, current = Sealer(KEY).seal(Secret("x"), login="a"), sealer.seal(Secret("x"), login="a")
    assert sealer.open(former, login="a") == sealer.open(current, login="a") == Secret("x")
    assert [sealer.is_current(each) for each in (former, current)] == [False, True]
    assert Sealer(other).open(current, login="a") == Secret("x")


@pytest.mark.parametrize(
    ("text", "mode", "why"),
    [
        (base64.b64encode(KEY[:16]), 0o600, "a key of 16 bytes"),
        (b"not base64!", 0o600, "not base64"),
        (base64.b64encode(KEY), 0o644, "every user"),
    ],
)
def test_a_key_file_that_cannot_be_used_says_why(tmp_path: Path, text: bytes, mode: int, why: str) -> None:
    with pytest.raises(KeyFileError, match=why):
        read_key_file(_key_file(tmp_path, text, mode))


def test_a_missing_key_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="/dev/urandom"):
        read_key_file(tmp_path / "absent")
