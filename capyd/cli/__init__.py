"""The command `capyd`."""

from capyd.runtime.grpc_environment import demand_tls_1_3

demand_tls_1_3()

from capyd.cli.main import main  # noqa: E402  (it imports grpc)

__all__ = ["main"]
