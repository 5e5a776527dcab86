import pytest

from capyd.domain.api_keys import has_token_form, new_token, token_digest


def test_a_new_token_has_the_form_and_its_own_digest() -> None:
    one, other = new_token(), new_token()
    assert has_token_form(one.reveal())
    assert one.reveal().startswith("capy_live_")
    assert token_digest(one.reveal()) != token_digest(other.reveal())
    assert len(token_digest(one.reveal())) == 32


def test_a_mistyped_token_is_told_from_an_unknown_one() -> None:
    token = new_token().reveal()
    for place in range(len(token)):
        other = "A" if token[place] != "A" else "B"
        assert not has_token_form(token[:place] + other + token[place + 1 :])


@pytest.mark.parametrize("token", ["", "capy_live_", "capy_live_" + "a" * 38, "capy_live_" + "ä" * 38, "x" * 10_000])
def test_what_is_no_token_at_all(token: str) -> None:
    assert not has_token_form(token)
