"""API keys for the runs: each its own, so that no generated revocation ends another run."""

from typing import Any

import grpc

from capyd.v1 import organizations_pb2, organizations_pb2_grpc


def make_key(ready: dict[str, Any], name: str) -> str:
    """The text of a new key of the stack's organization, which may do everything in it."""
    with grpc.insecure_channel(ready["admin_target"]) as channel:
        created = organizations_pb2_grpc.OrganizationServiceStub(channel).CreateApiKey(
            organizations_pb2.CreateApiKeyRequest(organization_id=ready["organization_id"], name=name, scopes=["*"])
        )
    return created.plaintext_api_key
