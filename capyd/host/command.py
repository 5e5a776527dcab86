"""A command that runs to its end."""

import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path

from capyd.host.child import describe_exit
from capyd.host.errors import CommandError
from capyd.host.users import OsUser, run_as


async def run_command(
    argv: Sequence[str | Path], *, user: OsUser, timeout: float, working_directory: Path = Path("/")
) -> str:
    """Run `argv` as `user` and return its standard output and error, interleaved.

    It gets a session of its own, and when the time (seconds) is over or this task is cancelled the whole session's
    process group is killed.

    Raises:
        CommandError: it could not be run, failed, or took longer than `timeout`.
        PermissionError: `user` may not execute it, or may not reach it.
    """
    command = [str(argument) for argument in argv]
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=working_directory,
            start_new_session=True,
            **run_as(user),
        )
    except PermissionError:
        raise
    except OSError as error:
        raise CommandError(f"{command[0]} cannot be run: {error.strerror}") from error
    try:
        async with asyncio.timeout(timeout):
            output, _ = await process.communicate()
    except TimeoutError as error:
        raise CommandError(f"{command[0]} took longer than {timeout:g} s") from error
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    text = output.decode(errors="replace").strip()
    returncode = await process.wait()
    if returncode != 0:
        raise CommandError(f"{command[0]} {describe_exit(returncode)}", output=text)
    return text
