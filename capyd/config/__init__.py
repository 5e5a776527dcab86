"""The daemon's settings: frozen sections, read once, handed to who needs them."""

from capyd.config.settings import Settings

__all__ = ["Settings"]
