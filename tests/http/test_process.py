"""The gateway as a process: what it says on standard error, and the code it leaves with."""

import asyncio
import signal
import sys
from pathlib import Path

import orjson
import pytest

from tests.http.rest import Rest


async def start(config: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "capyd_http", "--config", str(config), stderr=asyncio.subprocess.PIPE
    )


async def outcome(config: Path) -> tuple[int | None, str]:
    process = await start(config)
    _, said = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode, said.decode()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("listen_prot = 1\n", "listen_prot: there is no such setting"),
        ("listen_port = 99999\n", "listen_port: "),
        ('backend = "http://127.0.0.1"\n', "backend: "),
        ("listen_port = \n", "not valid TOML"),
        (None, "cannot be read: No such file or directory"),
    ],
)
async def test_a_bad_configuration_is_told_plainly_and_exits_2(tmp_path, text, sentence):
    config = tmp_path / "http.toml"
    if text is not None:
        config.write_text(text)
    code, said = await outcome(config)
    assert code == 2
    assert said.startswith(f"capyd-http: {config}: ")
    assert sentence in said
    assert "Traceback" not in said


async def test_a_port_in_use_exits_1(tmp_path, rest: Rest):
    config = tmp_path / "http.toml"
    config.write_text(f"listen_port = {rest.port}\n")
    assert await outcome(config) == (
        1,
        f"capyd-http: cannot listen on 127.0.0.1:{rest.port}: Address already in use\n",
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_serves_until_a_signal_and_exits_0(tmp_path, number):
    config = tmp_path / "http.toml"
    config.write_text('listen_port = 0\nbackend = "unix:/nowhere/api.sock"\n')
    process = await start(config)
    assert process.stderr is not None
    line = orjson.loads(await asyncio.wait_for(process.stderr.readline(), 30))
    assert line["event"] == "gateway.listening"
    # A connection that is kept open must not hold the process up.
    reader, writer = await asyncio.open_connection("127.0.0.1", line["port"])
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    process.send_signal(number)
    _, said = await asyncio.wait_for(process.communicate(), 10)
    writer.close()
    assert process.returncode == 0
    assert "Traceback" not in said.decode()
