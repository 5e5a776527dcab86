"""Opens the channel to a daemon: one set of options for every client there is."""

from collections.abc import Sequence

import grpc

from capyd.client.bearer import bearer_interceptors

Channel = grpc.aio.Channel

MAX_RECEIVE_BYTES = 16 * 1024 * 1024
"""A page of any list fits many times over; whatever is larger is a fault and not an answer."""

_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", MAX_RECEIVE_BYTES),
    # A server of default settings takes a ping every five minutes at most and hangs up on more of them;
    # without the last option a client stops pinging after two, and a stream idle for hours dies unseen.
    ("grpc.keepalive_time_ms", 330_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.max_pings_without_data", 0),
    # Its own connection and its own backoff, whatever other channels of this process went through.
    ("grpc.use_local_subchannel_pool", 1),
    # The default backs off for up to two minutes; a restarted daemon is to be found at once.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # The daemon is near: a proxy out of the environment is never the way to it.
    ("grpc.enable_http_proxy", 0),
)


def open_channel(target: str, *, token: str | None = None) -> grpc.aio.Channel:
    """A channel to the daemon at `target`: `unix:/path/to/socket`, or `host:port` in plain text.

    Opens no connection yet: the first call does, and every call after a loss. With a `token`, every unary call
    and every server stream carries it; without, each call is given its own metadata, or none is needed (the
    admin socket). Close it with `await channel.close()`. Call it inside the running loop.
    """
    interceptors: Sequence[grpc.aio.ClientInterceptor] = bearer_interceptors(token) if token is not None else ()
    return grpc.aio.insecure_channel(target, options=_OPTIONS, interceptors=interceptors)
