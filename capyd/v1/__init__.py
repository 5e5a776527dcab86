"""Generated from proto/capyd/v1 by scripts/generate. Edit the protos, never these files."""
