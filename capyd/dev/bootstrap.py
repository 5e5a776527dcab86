"""The organization and the API key that come with a stack."""

import aiohttp

from capyd.client.channel import open_channel
from capyd.client.failures import CallError, call_failures
from capyd.dev.errors import StackError
from capyd.dev.layout import Layout
from capyd.dev.memory import Memory
from capyd.runtime.atomic_file import write_atomically
from capyd.v1 import organizations_pb2 as pb
from capyd.v1.organizations_pb2_grpc import OrganizationServiceStub

_NAME = "capyd dev"
_TIMEOUT_SECONDS = 15


async def ensure_api_key(layout: Layout, memory: Memory, *, http_url: str) -> str:
    """The key kept in the state directory, or a new one when that was lost or revoked.

    Makes the organization that it belongs to, unless it is there.

    Raises:
        StackError: the daemon or the gateway refuses.
    """
    try:
        return await _ensure_api_key(layout, memory, http_url)
    except (CallError, aiohttp.ClientError, TimeoutError) as error:
        raise StackError(
            f"the stack is up, and no API key could be had of it: {error}. The daemon's log is in {layout.logs}"
        ) from error


async def _ensure_api_key(layout: Layout, memory: Memory, http_url: str) -> str:
    if layout.api_key.exists():
        key = layout.api_key.read_text().strip()
        if await _is_accepted(key, http_url):
            return key
    key = await _create_key(layout, memory)
    write_atomically(layout.api_key, key.encode() + b"\n", new_mode=0o600)
    return key


async def _is_accepted(key: str, http_url: str) -> bool:
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS)
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        aiohttp.ClientSession(timeout=timeout, headers=headers) as session,
        session.get(f"{http_url}/v1/me") as response,
    ):
        return response.status == 200


async def _create_key(layout: Layout, memory: Memory) -> str:
    target = f"unix:{layout.admin_socket}"
    async with open_channel(target) as channel:
        organizations = OrganizationServiceStub(channel)
        with call_failures(target):
            await organizations.CreateOrganization(
                pb.CreateOrganizationRequest(name=_NAME, organization_id=memory.organization_id),
                timeout=_TIMEOUT_SECONDS,
            )
            response = await organizations.CreateApiKey(
                pb.CreateApiKeyRequest(organization_id=memory.organization_id, name=_NAME, scopes=["*"]),
                timeout=_TIMEOUT_SECONDS,
            )
    return response.plaintext_api_key
