"""The command `capyd`."""

from capyd.cli.main import main

__all__ = ["main"]
