"""Names that people give, and slugs made of them."""

import re
import secrets
import unicodedata

from capyd.domain.errors import InvalidError

NAME_MAX_CHARACTERS = 100
SLUG_MAX_CHARACTERS = 63

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_SUFFIX_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


def check_name(name: str, *, field: str = "name") -> str:
    """The name itself, byte for byte.

    Raises:
        InvalidError: empty, over 100 characters, blank, or with control characters.
    """
    if not name:
        raise InvalidError(f"{field} is required: 1 to {NAME_MAX_CHARACTERS} characters", field=field)
    if len(name) > NAME_MAX_CHARACTERS:
        raise InvalidError(
            f"{field} has {len(name)} characters, and {NAME_MAX_CHARACTERS} are the most it may have", field=field
        )
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name):
        raise InvalidError(f"{field} must not contain control characters or line breaks", field=field)
    if not name.strip():
        raise InvalidError(f"{field} must not be blank", field=field)
    return name


def check_slug(slug: str) -> str:
    """The slug itself.

    Raises:
        InvalidError: it is not 1 to 63 of `[a-z0-9]` with inner `-`.
    """
    if _SLUG.fullmatch(slug) is None:
        raise InvalidError(
            f"slug must be 1 to {SLUG_MAX_CHARACTERS} characters: a-z and 0-9, and - between them", field="slug"
        )
    return slug


def derive_slug(name: str) -> str:
    """The slug that a name suggests; `project` where nothing of it can be kept."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    return words[:SLUG_MAX_CHARACTERS].rstrip("-") or "project"


def with_suffix(slug: str) -> str:
    """The slug with a random suffix, for when it is taken; never over the length limit."""
    suffix = "".join(secrets.choice(_SUFFIX_ALPHABET) for _ in range(6))
    return f"{slug[: SLUG_MAX_CHARACTERS - 7].rstrip('-')}-{suffix}"
