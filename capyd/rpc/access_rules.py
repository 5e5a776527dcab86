"""Reads who may call what from the protos. A method that does not say keeps the daemon from starting."""

from google.protobuf.descriptor import MethodDescriptor

from capyd.domain.access import AccessRule
from capyd.v1 import options_pb2


class UndeclaredAccessError(Exception):
    """A method declares no access."""


def access_rule(method: MethodDescriptor) -> AccessRule:
    """The rule that the method declares.

    Raises:
        UndeclaredAccessError: it declares none.
    """
    option = method.GetOptions().Extensions[options_pb2.access]
    if option.WhichOneof("who") is None:
        raise UndeclaredAccessError(f"{method.full_name} declares no (capyd.v1.access) in its proto")
    return AccessRule(
        public=option.public,
        any_principal=option.any_principal,
        platform_admin=option.platform_admin,
        scope=option.scope or None,
        project_keys=option.project_keys,
        organization_admin=option.organization_admin,
    )
