"""What a refused gRPC call says: its code, and the details of `google.rpc`."""

from collections.abc import Awaitable
from typing import NamedTuple

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status


class Refusal(NamedTuple):
    """One refusal."""

    code: grpc.StatusCode
    reason: str
    fields: list[str]
    """Those of its field violations."""
    retry_seconds: int | None
    message: str


async def refused(call: Awaitable[object]) -> Refusal:
    """How the call was refused; it must be, and with an ErrorInfo of ours."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    status = rpc_status.from_call(caught.value)
    assert status is not None, caught.value
    info, bad, retry = (
        error_details_pb2.ErrorInfo(),
        error_details_pb2.BadRequest(),
        error_details_pb2.RetryInfo(),
    )
    unpacked = {kind.DESCRIPTOR.name: any(d.Unpack(kind) for d in status.details) for kind in (info, bad, retry)}
    assert unpacked["ErrorInfo"], status
    assert info.domain == "capyd"
    return Refusal(
        code=caught.value.code(),
        reason=info.reason,
        fields=[violation.field for violation in bad.field_violations],
        retry_seconds=retry.retry_delay.seconds if unpacked["RetryInfo"] else None,
        message=status.message,
    )
