"""The same request again gets the same answer, and the change is made once."""

from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from capyd.domain.api_keys import token_digest
from capyd.domain.errors import ConflictError, InvalidError, NotFoundError
from capyd.domain.plans import DEFAULT_PLANS
from capyd.domain.principals import PLATFORM_ADMINISTRATOR, Principal
from capyd.rpc.listeners import SERVICES
from capyd.rpc.repetition import answer_once, takes_request_id
from capyd.rpc.services.organizations import OrganizationServicer
from capyd.sqlite.api_keys import find_api_key_by_digest
from capyd.sqlite.database import Database
from capyd.usecases.api_keys import ApiKeys
from capyd.usecases.idempotency import RepeatedRequests
from capyd.usecases.organization_changes import OrganizationChanges
from capyd.usecases.organizations import Organizations
from capyd.usecases.usage import UsageReport
from capyd.v1 import organizations_pb2 as pb
from tests.state import ManualClock, add_organization, open_state

ADMIN = PLATFORM_ADMINISTRATOR


class Face:
    """The organization service, as its handlers call it."""

    def __init__(self, database: Database) -> None:
        self.clock = ManualClock()
        self.database = database
        self.repeated = RepeatedRequests(database=database, clock=self.clock)
        self._servicer = OrganizationServicer(
            organizations=Organizations(database=database, plans=DEFAULT_PLANS, clock=self.clock),
            changes=OrganizationChanges(
                database=database,
                plans=DEFAULT_PLANS,
                max_attempts=5,
                wake_runner=lambda: None,
                forget_principals=lambda: None,
                clock=self.clock,
            ),
            usage=UsageReport(database=database, connections=None, cluster=None),
            api_keys=ApiKeys(database=database, forget_principals=lambda: None, clock=self.clock),
        )

    async def call(self, name: str, request, principal: Principal = ADMIN):
        method = SERVICES["OrganizationService"].methods_by_name[name]
        behaviour = getattr(self._servicer, name)
        if takes_request_id(method):
            behaviour = partial(answer_once, self.repeated, method, behaviour)
        return await behaviour(request, principal)

    async def count(self) -> int:
        return len((await self.call("ListOrganizations", pb.ListOrganizationsRequest())).organizations)


@pytest.fixture
async def face(tmp_path: Path) -> AsyncIterator[Face]:
    async with open_state(tmp_path / "s") as database:
        yield Face(database)


def organization(request_id: str, name: str = "A") -> pb.CreateOrganizationRequest:
    return pb.CreateOrganizationRequest(name=name, request_id=request_id)


async def test_a_repeated_request_changes_nothing_and_gets_the_first_answer(face: Face) -> None:
    first = await face.call("CreateOrganization", organization("r1"))
    assert await face.call("CreateOrganization", organization("r1")) == first
    assert await face.count() == 1
    assert await face.call("CreateOrganization", organization("r2")) != first
    assert await face.count() == 2


async def test_without_an_id_every_request_is_another(face: Face) -> None:
    for _ in range(2):
        await face.call("CreateOrganization", organization(""))
    assert await face.count() == 2


async def test_an_id_used_for_another_request_is_a_conflict(face: Face) -> None:
    await face.call("CreateOrganization", organization("r1"))
    with pytest.raises(ConflictError) as refused:
        await face.call("CreateOrganization", organization("r1", name="B"))
    assert refused.value.code == "idempotency_key_reused"
    assert await face.count() == 1


async def test_a_refusal_is_not_kept(face: Face) -> None:
    request = pb.CreateApiKeyRequest(organization_id="org_1", name="k", scopes=["*"], request_id="r1")
    with pytest.raises(NotFoundError):
        await face.call("CreateApiKey", request)
    await add_organization(face.database, "org_1")
    assert (await face.call("CreateApiKey", request)).plaintext_api_key


async def test_after_a_day_the_id_is_forgotten(face: Face) -> None:
    await face.call("CreateOrganization", organization("r1"))
    face.clock.advance(timedelta(hours=23, minutes=59))
    assert await face.repeated.forget_old() == 0
    await face.call("CreateOrganization", organization("r1"))
    assert await face.count() == 1
    face.clock.advance(timedelta(minutes=2))
    await face.call("CreateOrganization", organization("r1"))
    assert await face.count() == 2


async def test_ids_of_different_organizations_do_not_meet(face: Face) -> None:
    for name in ("org_1", "org_2"):
        await add_organization(face.database, name)
        request = pb.CreateApiKeyRequest(organization_id=name, name="k", scopes=["*"], request_id="r1")
        principal = Principal(auth_source="api_key", scopes=("*",), organization_id=name)
        answer = await face.call("CreateApiKey", request, principal)
        assert answer.api_key.organization_id == name


async def test_a_keys_plaintext_is_in_the_first_answer_alone_and_in_no_row(face: Face, tmp_path: Path) -> None:
    await add_organization(face.database, "org_1")
    request = pb.CreateApiKeyRequest(organization_id="org_1", name="k", scopes=["*"], request_id="r1")
    first = await face.call("CreateApiKey", request)
    again = await face.call("CreateApiKey", request)
    assert first.plaintext_api_key
    assert not first.HasField("code")
    assert again.api_key == first.api_key
    assert not again.HasField("plaintext_api_key")
    assert again.code == "already_shown"
    async with face.database.reading() as reads:
        assert await find_api_key_by_digest(reads, token_digest(first.plaintext_api_key)) is not None
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert first.api_key.key_prefix.encode() in written
    assert first.plaintext_api_key.encode() not in written


@pytest.mark.parametrize("request_id", ["x" * 256, "a\nb", "a\x00"])
async def test_an_id_that_cannot_be_is_refused(face: Face, request_id: str) -> None:
    with pytest.raises(InvalidError):
        await face.call("CreateOrganization", organization(request_id))
    assert await face.count() == 0
