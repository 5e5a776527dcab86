"""Startup packets that no driver would send, and the first thing that is answered to them."""

import asyncio
import ssl
import struct
from collections.abc import Sequence

from capyd.attack.attempt import Door
from capyd.attack.expectation import Observed, answered, refused
from capyd.attack.field import Field

_PROTOCOL_3 = 196608
_ANSWER_SECONDS = 10
_AUTHENTICATION = b"R"
_ERROR = b"E"
_TLS_REQUEST = struct.pack("!ii", 8, 80877103)


async def observe_startup(field: Field, door: Door, parameters: Sequence[tuple[str, str]]) -> Observed:
    """Send one startup packet with these parameters, in plain text or over TLS as the door's URL says."""
    body = struct.pack("!i", _PROTOCOL_3)
    body += b"".join(f"{key}\0{value}\0".encode() for key, value in parameters) + b"\0"
    return await observe_packet(field, door, struct.pack("!i", len(body) + 4) + body)


async def observe_packet(field: Field, door: Door, packet: bytes) -> Observed:
    """Send the bytes, and tell what comes back: a refusal's words, a question for a password, or nothing."""
    target = field.attacker.parameters(door)
    reader, writer = await asyncio.open_connection(str(target["host"]), int(target["port"] or 0))
    try:
        if target.get("sslmode") not in (None, "disable"):
            writer.write(_TLS_REQUEST)
            await reader.readexactly(1)
            await writer.start_tls(_unverified())
        writer.write(packet)
        await writer.drain()
        async with asyncio.timeout(_ANSWER_SECONDS):
            kind = await reader.read(1)
            if kind == _ERROR:
                (length,) = struct.unpack("!i", await reader.readexactly(4))
                return _refusal(await reader.readexactly(length - 4))
            return answered("asked for a password" if kind == _AUTHENTICATION else "hung up")
    except (ConnectionError, asyncio.IncompleteReadError):
        return answered("hung up")
    except TimeoutError:
        return answered("silent")
    finally:
        writer.close()


def _refusal(fields: bytes) -> Observed:
    parts = {part[:1]: part[1:].decode(errors="replace") for part in fields.split(b"\0") if part}
    return refused(parts.get(b"M", ""), parts.get(b"C"))


def _unverified() -> ssl.SSLContext:
    # Nothing is told to whoever it is: no password is ever sent from here.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
