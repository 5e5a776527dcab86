"""OrganizationService."""

from capyd.domain.paging import parse_page_request
from capyd.domain.principals import Principal
from capyd.rpc.messages import to_api_key, to_organization, to_principal, to_usage
from capyd.rpc.presence import moment_or_none, text_or_none
from capyd.usecases.api_keys import ApiKeys
from capyd.usecases.organization_changes import OrganizationChanges
from capyd.usecases.organizations import Organizations
from capyd.usecases.usage import UsageReport
from capyd.v1 import organizations_pb2 as pb


class OrganizationServicer:
    """Organizations, and the API keys that act for them."""

    def __init__(
        self, *, organizations: Organizations, changes: OrganizationChanges, api_keys: ApiKeys, usage: UsageReport
    ) -> None:
        self._organizations = organizations
        self._changes = changes
        self._usage = usage
        self._api_keys = api_keys

    async def GetMe(self, request: pb.GetMeRequest, principal: Principal) -> pb.GetMeResponse:
        organization = None
        if principal.organization_id is not None:
            organization = to_organization(await self._organizations.get(principal, principal.organization_id))
        return pb.GetMeResponse(organization=organization, principal=to_principal(principal))

    async def GetOrganization(
        self, request: pb.GetOrganizationRequest, principal: Principal
    ) -> pb.GetOrganizationResponse:
        organization = await self._organizations.get(principal, request.organization_id)
        return pb.GetOrganizationResponse(organization=to_organization(organization))

    async def GetOrganizationUsage(
        self, request: pb.GetOrganizationUsageRequest, principal: Principal
    ) -> pb.GetOrganizationUsageResponse:
        usage = await self._usage.get(principal, request.organization_id)
        return pb.GetOrganizationUsageResponse(usage=to_usage(usage))

    async def ListOrganizations(
        self, request: pb.ListOrganizationsRequest, principal: Principal
    ) -> pb.ListOrganizationsResponse:
        page = await self._organizations.list(parse_page_request(request.page_size, request.page_token))
        return pb.ListOrganizationsResponse(
            organizations=[to_organization(organization) for organization in page.items],
            next_page_token=page.next_token,
        )

    async def CreateOrganization(
        self, request: pb.CreateOrganizationRequest, principal: Principal
    ) -> pb.CreateOrganizationResponse:
        organization = await self._organizations.create(
            name=request.name,
            slug=text_or_none(request, "slug"),
            plan=text_or_none(request, "plan"),
            organization_id=text_or_none(request, "organization_id"),
        )
        return pb.CreateOrganizationResponse(organization=to_organization(organization))

    async def UpdateOrganization(
        self, request: pb.UpdateOrganizationRequest, principal: Principal
    ) -> pb.UpdateOrganizationResponse:
        organization, jobs = await self._changes.update(
            request.organization_id, name=text_or_none(request, "name"), plan=text_or_none(request, "plan")
        )
        return pb.UpdateOrganizationResponse(organization=to_organization(organization), accepted_jobs=jobs)

    async def SuspendOrganization(
        self, request: pb.SuspendOrganizationRequest, principal: Principal
    ) -> pb.SuspendOrganizationResponse:
        organization, jobs = await self._changes.suspend(request.organization_id, reason=request.reason)
        return pb.SuspendOrganizationResponse(organization=to_organization(organization), accepted_jobs=jobs)

    async def ReleaseOrganization(
        self, request: pb.ReleaseOrganizationRequest, principal: Principal
    ) -> pb.ReleaseOrganizationResponse:
        organization, jobs = await self._changes.release(request.organization_id)
        return pb.ReleaseOrganizationResponse(organization=to_organization(organization), accepted_jobs=jobs)

    async def ListApiKeys(self, request: pb.ListApiKeysRequest, principal: Principal) -> pb.ListApiKeysResponse:
        page = await self._api_keys.list(
            principal, request.organization_id, parse_page_request(request.page_size, request.page_token)
        )
        now = self._api_keys.now
        return pb.ListApiKeysResponse(
            api_keys=[to_api_key(key, now) for key in page.items], next_page_token=page.next_token
        )

    async def CreateApiKey(self, request: pb.CreateApiKeyRequest, principal: Principal) -> pb.CreateApiKeyResponse:
        key, token = await self._api_keys.create(
            principal,
            request.organization_id,
            name=request.name,
            scopes=tuple(request.scopes),
            project_id=text_or_none(request, "project_id"),
            expires_at=moment_or_none(request, "expires_at"),
        )
        return pb.CreateApiKeyResponse(api_key=to_api_key(key, self._api_keys.now), plaintext_api_key=token.reveal())

    async def RevokeApiKey(self, request: pb.RevokeApiKeyRequest, principal: Principal) -> pb.RevokeApiKeyResponse:
        await self._api_keys.revoke(principal, request.organization_id, request.api_key_id)
        return pb.RevokeApiKeyResponse(revoked=True)
