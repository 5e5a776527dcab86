"""Asks whether everything is as it should be, and has mended what is safe."""

from capyd.domain.errors import UnavailableError
from capyd.domain.failures import StepError
from capyd.domain.findings import CheckReport
from capyd.provisioning.reconcile import Reconciler


class Doctor:
    """The use case of `capyd doctor`."""

    def __init__(self, *, reconciler: Reconciler) -> None:
        self._reconciler = reconciler

    async def check(self, *, repair: bool) -> CheckReport:
        """What is off, and with `repair` what became of it.

        Raises:
            UnavailableError: it could not be looked at, and why.
        """
        try:
            return await self._reconciler.check(repair=repair)
        except StepError as error:
            raise UnavailableError(f"nothing could be compared: {error.summary}") from error
