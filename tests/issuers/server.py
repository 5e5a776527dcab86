"""An issuer of sessions that signs, rotates its keys, fails, dawdles, talks rubbish and points elsewhere."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt import PyJWS
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

AUDIENCE = "capyd"
PARTY = "https://app.example.com"
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_RSA_KEYS = [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2)]
_EC_KEY = ec.generate_private_key(ec.SECP256R1())


class Issuer:
    """One issuer, on a port of its own."""

    def __init__(self) -> None:
        self.url = ""
        self.keys: dict[str, PrivateKey] = {"rsa-1": _RSA_KEYS[0], "ec-1": _EC_KEY}
        self.answer: str = "keys"
        """`keys`, `fail`, `rubbish`, `empty`, `huge`, `redirect`, `hang`."""
        self.names: str | None = None
        """Whom the discovery document calls its issuer; None: itself."""
        self.asked = 0
        """How often for its keys."""
        self.elsewhere = 0
        """How often it was asked where a redirect led."""
        self.woken = asyncio.Event()

    def rotate(self) -> None:
        """A new key instead of the old one."""
        self.keys = {"rsa-2": _RSA_KEYS[1]}

    def claims(self, **changed: Any) -> dict[str, Any]:
        """Those of an admin of org_1; a None is left out."""
        now = int(time.time())
        claims = {
            "iss": self.url, "sub": "user_1", "aud": AUDIENCE, "azp": PARTY, "sid": "sess_1",
            "iat": now, "nbf": now, "exp": now + 300, "org_id": "org_1", "org_role": "org:admin", "org_slug": "one",
        }  # fmt: skip
        return {name: value for name, value in {**claims, **changed}.items() if value is not None}

    def sign(self, claims: Mapping[str, Any] | None = None, *, kid: str | None = None, **header: Any) -> str:
        """A token, of the key `kid`, the first one when absent."""
        name = kid or next(iter(self.keys))
        key = self.keys[name]
        algorithm = header.pop("alg", "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256")
        headers = {"typ": "JWT", "kid": name, **header}
        payload = json.dumps(self.claims() if claims is None else claims).encode()
        return PyJWS().encode(payload, key, algorithm, headers={n: v for n, v in headers.items() if v is not None})

    def pem(self, kid: str) -> bytes:
        public = self.keys[kid].public_key()
        return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    @property
    def key_set(self) -> dict[str, Any]:
        """What it publishes."""
        return {"keys": [{**_jwk(key), "kid": kid, "use": "sig"} for kid, key in self.keys.items()]}

    async def discovery(self, request: web.Request) -> web.Response:
        return web.json_response({"issuer": self.names or self.url, "jwks_uri": f"{self.url}/keys"})

    async def serve_keys(self, request: web.Request) -> web.Response:
        self.asked += 1
        match self.answer:
            case "fail":
                raise web.HTTPServiceUnavailable
            case "rubbish":
                return web.Response(body=b"\xff<html>")
            case "empty":
                return web.json_response({"keys": []})
            case "huge":
                return web.Response(body=b" " * 300_000 + json.dumps(self.key_set).encode())
            case "redirect":
                raise web.HTTPFound(f"{self.url}/elsewhere")
            case "hang":
                await self.woken.wait()
        return web.json_response(self.key_set)

    async def serve_elsewhere(self, request: web.Request) -> web.Response:
        self.elsewhere += 1
        return web.json_response(self.key_set)


@asynccontextmanager
async def running_issuer() -> AsyncIterator[Issuer]:
    issuer = Issuer()
    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", issuer.discovery)
    app.router.add_get("/keys", issuer.serve_keys)
    app.router.add_get("/elsewhere", issuer.serve_elsewhere)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    issuer.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield issuer
    issuer.woken.set()
    await runner.cleanup()


def forged(header: Mapping[str, Any] | str, claims: Mapping[str, Any] | str, *, hmac_key: bytes | None = None) -> str:
    """A token that nobody signed, or that was signed with a text as if it were a shared secret."""
    parts = [part if isinstance(part, str) else json.dumps(part) for part in (header, claims)]
    signed = ".".join(_encoded(part.encode()) for part in parts)
    signature = b"x" if hmac_key is None else hmac.new(hmac_key, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{_encoded(signature)}"


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _jwk(key: PrivateKey) -> dict[str, Any]:
    if isinstance(key, rsa.RSAPrivateKey):
        return RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
