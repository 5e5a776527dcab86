"""What the protos say of the audit trail, and what of a call is written down."""

import re

import pytest
from google.protobuf.message_factory import GetMessageClass

from capyd.rpc.audit_rules import audit_rule, describe_call, describe_refused, is_mutation, is_written_down
from capyd.rpc.listeners import SERVICES
from capyd.v1 import cluster_pb2, jobs_pb2, options_pb2, organizations_pb2, projects_pb2

METHODS = [method for service in SERVICES.values() for method in service.methods]
AUDITED = [method for method in METHODS if audit_rule(method) is not None]


def rule_of(service: str, name: str):
    rule = audit_rule(SERVICES[service].methods_by_name[name])
    assert rule is not None
    return rule


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.full_name)
def test_every_mutation_declares_what_is_written_down(method) -> None:
    declared = method.GetOptions().Extensions[options_pb2.audit].action
    assert declared or not is_mutation(method), f"{method.full_name} declares no (capyd.v1.audit) in its proto"


@pytest.mark.parametrize("method", AUDITED, ids=lambda method: method.full_name)
def test_a_rule_names_what_is_there(method) -> None:
    rule = audit_rule(method)
    assert rule is not None
    assert re.fullmatch(r"[a-z_]+\.[a-z_]+", rule.action)
    request, answer = GetMessageClass(method.input_type)(), GetMessageClass(method.output_type)()
    describe_call(rule, request, answer)  # a field that is not there raises
    describe_refused(rule, request)
    assert is_written_down(rule, request) == (rule.when == "")


def test_actions_are_told_apart() -> None:
    actions = [rule.action for method in AUDITED if (rule := audit_rule(method)) is not None]
    assert len(set(actions)) == len(actions)


def test_ids_of_what_a_call_makes_come_from_its_answer() -> None:
    request = projects_pb2.CreateProjectRequest(name="blog", environment="production", request_id="r")
    answer = projects_pb2.CreateProjectResponse(
        project=projects_pb2.Project(id="prj_1", organization_id="org_1"), job=jobs_pb2.Job(id="job_1")
    )
    call = describe_call(rule_of("ProjectService", "CreateProject"), request, answer)
    assert (call.action, call.target_kind, call.target_id) == ("project.create", "project", "prj_1")
    assert (call.organization_id, call.project_id) == ("org_1", "prj_1")
    assert call.metadata == {"name": "blog", "environment": "production", "job_id": "job_1"}


def test_no_key_is_written_down_and_nothing_of_what_was_refused() -> None:
    rule = rule_of("OrganizationService", "CreateApiKey")
    request = organizations_pb2.CreateApiKeyRequest(
        organization_id="org_1", name="ci", scopes=["jobs:read", "projects:read"], device_name="laptop"
    )
    answer = organizations_pb2.CreateApiKeyResponse(
        api_key=organizations_pb2.ApiKey(id="key_1", organization_id="org_1"), plaintext_api_key="capy_live_secret"
    )
    call = describe_call(rule, request, answer)
    assert call.metadata == {"name": "ci", "scopes": "jobs:read projects:read"}
    assert "secret" not in repr(call)
    refused = describe_refused(rule, request)
    assert (refused.target_id, refused.organization_id, refused.metadata) == (None, "org_1", {})


@pytest.mark.parametrize("given", ["", "x" * 101, "a\nb", "\x00"])
def test_what_cannot_be_an_id_is_not_repeated(given: str) -> None:
    call = describe_refused(
        rule_of("ProjectService", "DeleteProject"), projects_pb2.DeleteProjectRequest(project_id=given)
    )
    assert (call.target_kind, call.target_id, call.project_id) == ("project", None, None)


def test_long_values_are_cut() -> None:
    request = projects_pb2.UpdateProjectRequest(project_id="prj_1", name="n" * 5000)
    call = describe_call(rule_of("ProjectService", "UpdateProject"), request, projects_pb2.UpdateProjectResponse())
    assert len(call.metadata["name"]) == 201


def test_a_comparison_is_written_down_when_it_mends() -> None:
    rule = rule_of("ClusterService", "CheckCluster")
    assert not is_written_down(rule, cluster_pb2.CheckClusterRequest())
    assert is_written_down(rule, cluster_pb2.CheckClusterRequest(repair=True))
    assert rule.ahead
