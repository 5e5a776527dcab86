"""Why a step of a job did not succeed, and what that means for the job. The executor matches on these types."""


class StepError(Exception):
    """A step did not succeed.

    `summary` is one sentence for a person (it becomes the job's `error`); `detail` is everything the server
    or the child process said (it becomes `last_stderr`). Neither ever holds a secret.
    """

    def __init__(self, summary: str, *, detail: str = "") -> None:
        super().__init__(summary)
        self.summary = summary
        self.detail = detail or summary


class UnreachableError(StepError):
    """A server that the step needs does not answer. The job waits for it; no attempt is burned."""


class PoolerUnreachableError(UnreachableError):
    """It is the pooler that does not answer."""


class TransientError(StepError):
    """It may succeed when tried again: a lock, a deadline, a concurrent change. Costs an attempt."""


class PermanentError(StepError):
    """Trying again would end the same way. The job fails."""
