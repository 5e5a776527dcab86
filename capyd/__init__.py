"""capyd: an agent that turns the PostgreSQL cluster beside it into a service of projects."""

from importlib.metadata import version

__version__ = version("capyd")
