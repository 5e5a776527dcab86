"""Failures of the machine, each a sentence for the person who started the program."""


class HostError(Exception):
    """Something about this machine is not as it must be. Its text says what, and what would help."""


class CommandError(HostError):
    """A command failed or took too long; `output` is what it said."""

    def __init__(self, message: str, *, output: str = "") -> None:
        super().__init__(message if not output else f"{message}\n{output}")
        self.output = output
