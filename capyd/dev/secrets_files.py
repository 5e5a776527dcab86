"""The secrets of a stack: made once, kept, readable by their owner alone."""

import base64
import os
import secrets

from capyd.dev.errors import StackError
from capyd.dev.layout import Layout
from capyd.runtime.atomic_file import write_atomically


def ensure_secrets(layout: Layout) -> None:
    """Make the encryption key and the pooler console's password, unless they are there.

    Raises:
        StackError: the key is gone while the state is not: no password in it could be read again.
    """
    if not layout.secret_key.exists():
        if layout.state_file.exists():
            raise StackError(
                f"{layout.secret_key} is missing, and {layout.state_file} cannot be read without it: "
                "put it back, or begin anew with another --state-dir"
            )
        write_atomically(layout.secret_key, base64.b64encode(os.urandom(32)) + b"\n", new_mode=0o600)
    if not layout.console_password.exists():
        write_atomically(layout.console_password, secrets.token_urlsafe(24).encode() + b"\n", new_mode=0o600)
