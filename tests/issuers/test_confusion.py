"""Tokens made to be taken for what they are not."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from jwt.utils import base64url_decode

from capyd.domain.errors import UnauthenticatedError
from capyd.issuers.issuers import Issuers
from tests.issuers.server import Issuer, forged

RS256 = {"alg": "RS256", "typ": "JWT", "kid": "rsa-1"}


def _altered(token: str, claims: dict[str, Any]) -> str:
    """The token's signature under other claims."""
    return f"{forged(RS256, claims).rpartition('.')[0]}.{token.rpartition('.')[2]}"


TRICKS: dict[str, Callable[[Issuer], str]] = {
    "none": lambda i: forged({"alg": "none", "typ": "JWT"}, i.claims()),
    "NoNe": lambda i: forged({"alg": "NoNe", "kid": "rsa-1"}, i.claims()),
    "no signature": lambda i: forged(RS256, i.claims()).rpartition(".")[0] + ".",
    "no alg": lambda i: forged({"typ": "JWT", "kid": "rsa-1"}, i.claims()),
    "alg is a list": lambda i: forged({"alg": ["RS256"], "kid": "rsa-1"}, i.claims()),
    "the public key as a shared secret": lambda i: forged(
        {"alg": "HS256", "kid": "rsa-1"}, i.claims(), hmac_key=i.pem("rsa-1")
    ),
    "the key set as a shared secret": lambda i: forged(
        {"alg": "HS256", "kid": "rsa-1"}, i.claims(), hmac_key=json.dumps(i.key_set).encode()
    ),
    "an algorithm that is not taken here": lambda i: i.sign(alg="RS512"),
    "a key of another kind": lambda i: forged({"alg": "ES256", "kid": "rsa-1"}, i.claims()),
    "kid: a path": lambda i: forged({**RS256, "kid": "../../../../dev/null"}, i.claims()),
    "kid: SQL": lambda i: forged({**RS256, "kid": "x' UNION SELECT 'k' --"}, i.claims()),
    "kid: a URL": lambda i: forged({**RS256, "kid": f"{i.url}/elsewhere"}, i.claims()),
    "kid: a number": lambda i: forged({**RS256, "kid": 1}, i.claims()),
    "kid: a list": lambda i: forged({**RS256, "kid": ["rsa-1"]}, i.claims()),
    "kid: empty": lambda i: forged({**RS256, "kid": ""}, i.claims()),
    "kid: huge": lambda i: forged({**RS256, "kid": "k" * 5000}, i.claims()),
    "kid: none, of two keys": lambda i: forged({"alg": "RS256"}, i.claims()),
    "jku": lambda i: forged({**RS256, "kid": "other", "jku": f"{i.url}/elsewhere"}, i.claims()),
    "x5u": lambda i: forged({**RS256, "kid": "other", "x5u": f"{i.url}/elsewhere"}, i.claims()),
    "jwk": lambda i: forged({**RS256, "kid": "other", "jwk": i.key_set["keys"][0]}, i.claims()),
    "crit": lambda i: i.sign(crit=["exp"]),
    "typ": lambda i: i.sign(typ="dpop+jwt"),
    "altered claims": lambda i: _altered(i.sign(), i.claims(org_id="org_2")),
    "two subs": lambda i: forged(RS256, '{"sub": "a", "sub": "b", "iss": "' + i.url + '"}'),
    "two algs": lambda i: forged('{"alg": "RS256", "alg": "none"}', i.claims()),
    "NaN": lambda i: forged(RS256, '{"iss": "' + i.url + '", "exp": NaN}'),
    "claims: a list": lambda i: forged(RS256, "[]"),
    "claims: deep": lambda i: forged(RS256, "[" * 2500 + "]" * 2500),
    "not UTF-8": lambda i: forged(RS256, "x").replace("eA", "_w", 1),
    "huge": lambda i: i.sign(i.claims(fill="x" * 10_000)),
    "two parts": lambda i: "a.b",
    "four parts": lambda i: i.sign() + ".x",
    "line break": lambda i: i.sign() + "\n",
    "another issuer": lambda i: i.sign(i.claims(iss="https://else.example")),
    "iss is a list": lambda i: i.sign(i.claims(iss=[i.url])),
    "no issuer": lambda i: i.sign(i.claims(iss=None)),
}


@pytest.mark.parametrize("trick", TRICKS)
async def test_it_is_refused(verifier: Issuers, issuer: Issuer, trick: str) -> None:
    with pytest.raises(UnauthenticatedError) as refused:
        await verifier.verify(TRICKS[trick](issuer))
    assert issuer.elsewhere == 0
    assert issuer.pem("rsa-1").decode()[30:60] not in refused.value.message


async def test_a_signature_that_was_touched_is_refused(verifier: Issuers, issuer: Issuer) -> None:
    head, _, signature = issuer.sign().rpartition(".")
    assert len(base64url_decode(signature)) == 256
    for place in (0, 100, 300):
        other = "A" if signature[place] != "A" else "B"
        with pytest.raises(UnauthenticatedError, match="signature"):
            await verifier.verify(f"{head}.{signature[:place]}{other}{signature[place + 1 :]}")
