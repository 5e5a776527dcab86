"""The steps of one attempt: each with a name, a deadline, and a line in the journal."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from capyd.domain.failures import PermanentError, TransientError
from capyd.runtime.failpoints import failpoints
from capyd.runtime.observation import observed
from capyd.runtime.tracing import tracing


class Steps:
    """The journal of one attempt. It becomes the job's `last_stdout`."""

    def __init__(self, job_type: str) -> None:
        self._job_type = job_type
        self._lines: list[str] = []
        self._cancelled_by: str | None = None

    def cancel(self, by: str) -> None:
        """Let no further step begin. The one in hand goes on to its end: half a step is nothing to leave behind."""
        self._cancelled_by = by

    @property
    def journal(self) -> str:
        """A line a step, with its duration: `claim a spare: 4.1 ms`."""
        return "\n".join(self._lines)

    def note(self, line: str) -> None:
        """Say something that is no step, such as what an observation found."""
        self._lines.append(line)

    @contextlib.asynccontextmanager
    async def step(self, name: str, *, seconds: float) -> AsyncIterator[None]:
        """Run the block as the step `name`, and cancel it (a query in Postgres too) after `seconds`.

        Raises:
            TransientError: the deadline passed.
            PermanentError: the job was cancelled before this step.
        """
        if self._cancelled_by is not None:
            raise PermanentError(f"cancelled by {self._cancelled_by}")
        started = time.monotonic()
        verdict = "failed after"
        try:
            with tracing.span(name):
                async with asyncio.timeout(seconds) as deadline:
                    if failpoints.active:
                        await failpoints.reach("step.before")
                    yield
                    if failpoints.active:
                        await failpoints.reach("step.after")
            verdict = "done in"
        except TimeoutError as error:
            if not deadline.expired():
                raise
            verdict = "cancelled at its deadline after"
            raise TransientError(f"the step '{name}' did not end within {seconds:g} s") from error
        finally:
            seconds = time.monotonic() - started
            if observed.step is not None:
                observed.step(self._job_type, name, verdict.partition(" ")[0], seconds)
            self._lines.append(f"{name}: {verdict} {seconds * 1000:.1f} ms")
