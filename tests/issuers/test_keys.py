"""Keys are fetched when they must be, and kept when they cannot be."""

import asyncio
from pathlib import Path

import pytest

from capyd.domain.errors import UnauthenticatedError, UnavailableError
from capyd.issuers.issuer import Issuer as Side
from capyd.issuers.issuers import Issuers
from capyd.issuers.sources import KeySetSource, PemSource
from capyd.issuers.tokens import read_token
from tests.issuers.conftest import Build, Seconds
from tests.issuers.server import Issuer, forged
from tests.stack.polling import until


async def _verified(side: Side, token: str) -> None:
    await side.verify(read_token(token))


@pytest.mark.parametrize("kid", ["rsa-1", "ec-1"])
async def test_a_session_of_each_kind_of_key(verifier: Issuers, issuer: Issuer, kid: str) -> None:
    session = await verifier.verify(issuer.sign(kid=kid))
    assert (session.user_id, session.organization_id, session.is_organization_admin) == ("user_1", "org_1", True)


async def test_keys_are_asked_for_once_and_again_for_a_new_key_a_minute_apart(
    build: Build, issuer: Issuer, seconds: Seconds
) -> None:
    side = build()
    await side.load()
    old = issuer.sign()
    await asyncio.gather(*(_verified(side, old) for _ in range(20)))
    assert issuer.asked == 1
    issuer.rotate()
    await asyncio.gather(*(_verified(side, issuer.sign()) for _ in range(20)))
    assert issuer.asked == 2
    with pytest.raises(UnauthenticatedError, match="does not have"):
        await _verified(side, old)
    for number in range(50):
        with pytest.raises(UnauthenticatedError, match="does not have"):
            await _verified(side, forged({"alg": "RS256", "kid": f"made-up-{number}"}, issuer.claims()))
    assert issuer.asked == 2
    seconds.now += 61
    with pytest.raises(UnauthenticatedError):
        await _verified(side, old)
    assert issuer.asked == 3


@pytest.mark.parametrize("answer", ["fail", "rubbish", "empty", "huge", "redirect"])
async def test_the_last_good_keys_stay_and_outlive_the_process(
    build: Build, issuer: Issuer, tmp_path: Path, answer: str
) -> None:
    first = build()
    assert await first.load()
    issuer.answer = answer
    assert not await first.load()
    await _verified(first, issuer.sign())
    again = build()

    async def asked() -> int:
        return issuer.asked

    running = asyncio.create_task(again.run())
    try:
        await until(asked, lambda number: number == 3)
        await _verified(again, issuer.sign())
    finally:
        running.cancel()
    assert issuer.elsewhere == 0
    assert (tmp_path / "issuers" / "copy.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("answer", ["fail", "rubbish", "empty", "huge", "redirect"])
async def test_without_any_keys_the_answer_is_to_come_back(build: Build, issuer: Issuer, answer: str) -> None:
    issuer.answer = answer
    side = build()
    for _ in range(5):
        with pytest.raises(UnavailableError) as refused:
            await _verified(side, issuer.sign())
        assert refused.value.code == "issuer_unreachable"
    assert (issuer.asked, issuer.elsewhere) == (1, 0)


async def test_a_slow_issuer_holds_up_a_call_for_a_deadline_and_no_longer(
    build: Build, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("capyd.issuers.issuer._A_CALL_WAITS", 0.05)
    issuer.answer = "hang"
    side = build()
    with pytest.raises(UnavailableError):
        await _verified(side, issuer.sign())
    issuer.woken.set()
    assert await side.load()
    await _verified(side, issuer.sign())
    assert issuer.asked == 1


async def test_a_discovery_document_of_somebody_else_is_not_followed(build: Build, issuer: Issuer) -> None:
    issuer.names = "https://somebody.else.example"
    assert not await build().load()
    assert issuer.asked == 0


async def test_a_key_set_at_a_given_address_needs_no_discovery(build: Build, issuer: Issuer) -> None:
    issuer.names = "https://somebody.else.example"
    side = build(KeySetSource(issuer.url, f"{issuer.url}/keys"))
    assert await side.load()
    await _verified(side, issuer.sign())


async def test_keys_from_a_file_fetch_nothing_and_are_exchanged_with_it(
    build: Build, issuer: Issuer, tmp_path: Path
) -> None:
    file = tmp_path / "issuer.pem"
    file.write_bytes(issuer.pem("rsa-1") + issuer.pem("ec-1"))
    side = build(PemSource(file))
    assert await side.load()
    for kid in ("rsa-1", "ec-1"):
        await _verified(side, issuer.sign(kid=kid))
    old = issuer.sign(kid="rsa-1")
    issuer.rotate()
    with pytest.raises(UnauthenticatedError, match="signature"):
        await _verified(side, issuer.sign())
    file.write_bytes(issuer.pem("rsa-2"))
    assert await side.load()
    await _verified(side, issuer.sign())
    with pytest.raises(UnauthenticatedError, match="signature"):
        await _verified(side, old)
    file.write_text("nothing")
    assert not await side.load()
    await _verified(side, issuer.sign())
    assert issuer.asked == 0
    assert not (tmp_path / "issuers").exists()
