"""The way to a daemon: channels, for the CLI and the gateway."""
