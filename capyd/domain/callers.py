"""Who calls, from where, and under which id."""

from dataclasses import dataclass

from capyd.domain.principals import Principal

ANYBODY = Principal(auth_source="none", scopes=())


@dataclass(frozen=True, slots=True)
class Caller:
    """One call's."""

    principal: Principal
    """`ANYBODY` where nobody could be told."""
    address: str | None
    """The client's, as far as it is known: none on the admin socket."""
    request_id: str

    @property
    def actor(self) -> tuple[str, str | None]:
        """The kind of actor that the audit trail names, and its id."""
        if self.principal.api_key_id is not None:
            return "api_key", self.principal.api_key_id
        if self.principal.certificate_name is not None:
            return "fleet", self.principal.certificate_name
        if self.principal.user_id is not None:
            return "user", self.principal.user_id
        if self.principal.is_admin:
            return "administrator", None
        return "anonymous", None
