import pytest
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor_pool import DescriptorPool

from capyd.domain.principals import ALL_SCOPES
from capyd.rpc.access_rules import UndeclaredAccessError, access_rule
from capyd.rpc.listeners import SERVICES

METHODS = [method for service in SERVICES.values() for method in service.methods]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.full_name)
def test_every_method_says_who_may_call_it(method) -> None:
    rule = access_rule(method)
    assert rule.scope is None or rule.scope in ALL_SCOPES
    assert [rule.public, rule.any_principal, rule.platform_admin, rule.scope is not None].count(True) == 1


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.full_name)
def test_a_mutation_can_be_repeated_by_its_id(method) -> None:
    reads = method.name.startswith(("Get", "List", "Watch", "Check"))
    assert ("request_id" in method.input_type.fields_by_name) != reads


def test_a_method_that_says_nothing_keeps_the_daemon_from_starting() -> None:
    file = descriptor_pb2.FileDescriptorProto(name="x.proto", package="x")
    file.message_type.add(name="M")
    service = file.service.add(name="S")
    service.method.add(name="Do", input_type=".x.M", output_type=".x.M")
    pool = DescriptorPool()
    pool.Add(file)
    with pytest.raises(UndeclaredAccessError, match=r"x\.S\.Do"):
        access_rule(pool.FindServiceByName("x.S").methods[0])
