"""Why the stack could not be started or kept."""


class StackError(Exception):
    """A sentence for the person at the terminal: what is wrong, and what to do."""
