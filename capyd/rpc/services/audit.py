"""AuditService."""

from capyd.domain.paging import parse_page_request
from capyd.domain.principals import Principal
from capyd.rpc.audit_messages import to_audit_event, to_audit_record
from capyd.rpc.presence import int_or_none, text_or_none
from capyd.usecases.audit_reading import AuditReading
from capyd.v1 import audit_pb2 as pb


class AuditServicer:
    """Who did what, and who was refused."""

    def __init__(self, *, reading: AuditReading) -> None:
        self._reading = reading

    async def ListProjectAuditEvents(
        self, request: pb.ListProjectAuditEventsRequest, principal: Principal
    ) -> pb.ListProjectAuditEventsResponse:
        page = await self._reading.list_of_project(
            principal,
            request.project_id,
            parse_page_request(request.page_size, request.page_token),
            limit=int_or_none(request, "limit"),
        )
        return pb.ListProjectAuditEventsResponse(
            audit_events=[to_audit_event(event) for event in page.items], next_page_token=page.next_token
        )

    async def ListAuditRecords(
        self, request: pb.ListAuditRecordsRequest, principal: Principal
    ) -> pb.ListAuditRecordsResponse:
        size = parse_page_request(request.page_size, "").size
        after = int_or_none(request, "after_sequence")
        if after is not None:
            found = await self._reading.list_after(after, size=size)
        else:
            found = await self._reading.list_newest(
                before=int_or_none(request, "before_sequence"),
                project_id=text_or_none(request, "project_id"),
                organization_id=text_or_none(request, "organization_id"),
                size=size,
            )
        return pb.ListAuditRecordsResponse(records=[to_audit_record(event) for event in found])

    async def GetAuditHead(self, request: pb.GetAuditHeadRequest, principal: Principal) -> pb.GetAuditHeadResponse:
        newest, noted = await self._reading.head()
        return pb.GetAuditHeadResponse(
            newest_sequence=newest,
            noted_sequence=None if noted is None else noted.sequence,
            noted_hash=None if noted is None else noted.hash,
        )
