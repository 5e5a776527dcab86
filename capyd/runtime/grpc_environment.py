"""What gRPC reads from the environment when it is loaded, and has no other setting for."""

import os
from typing import Final

CIPHERS_VARIABLE: Final = "GRPC_SSL_CIPHER_SUITES"
_TLS_1_3_ALONE: Final = "ECDHE-PSK-AES128-CBC-SHA"


def demand_tls_1_3() -> None:
    """Have every TLS connection of this process be of version 1.3. Call it before anything imports grpc.

    The variable names the ciphers of TLS 1.2 and leaves those of 1.3 alone: a cipher that needs a shared secret, which
    there is none of, leaves an older peer nothing to agree on. Whoever sets the variable decides otherwise.
    """
    os.environ.setdefault(CIPHERS_VARIABLE, _TLS_1_3_ALONE)
