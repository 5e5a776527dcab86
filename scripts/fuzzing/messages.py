"""Requests for any method, out of its descriptor: what fits, what nearly fits, and bytes that are nothing."""

from collections.abc import Sequence
from typing import Any

from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

_NASTY = (
    "", " ", "\x00", "a\nb", "../../etc/passwd", "%00", "'; DROP TABLE projects; --", "\u202e", "\ufeff", "💥" * 30,
    "a" * 101, "A" * 5000, "prj_", "org_nobody", "-1", "1e400", "NaN", "30s", "production", "citext", "local", "*",
    "projects:read", "vibe", "2020-01-01",
)  # fmt: skip
_TEXTS = st.one_of(st.sampled_from(_NASTY), st.text(st.characters(codec="utf-8"), max_size=60))
_INTEGERS = {
    FieldDescriptor.TYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_UINT64: (0, 2**64 - 1),
}


@st.composite
def requests(draw: st.DrawFn, method: MethodDescriptor, ids: Sequence[str]) -> bytes:
    """One request of the method as bytes; `ids` are of things that are there."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=64))
    return _message(draw, method.input_type, ids, 0).SerializeToString()


def _message(draw: st.DrawFn, descriptor: Any, ids: Sequence[str], depth: int) -> Any:
    message = GetMessageClass(descriptor)()
    for field in descriptor.fields:
        if not draw(st.booleans()) or depth > 2:
            continue
        if field.message_type is not None:
            if not field.is_repeated:
                getattr(message, field.name).CopyFrom(_message(draw, field.message_type, ids, depth + 1))
        elif field.is_repeated:
            getattr(message, field.name).extend(draw(st.lists(_values(field, ids), max_size=4)))
        else:
            setattr(message, field.name, draw(_values(field, ids)))
    return message


def _values(field: FieldDescriptor, ids: Sequence[str]) -> st.SearchStrategy[Any]:
    if field.type == FieldDescriptor.TYPE_STRING:
        return st.one_of(st.sampled_from(ids), _TEXTS) if field.name.endswith("id") else _TEXTS
    if field.type == FieldDescriptor.TYPE_BOOL:
        return st.booleans()
    if field.type == FieldDescriptor.TYPE_BYTES:
        return st.binary(max_size=40)
    least, most = _INTEGERS[field.type]
    return st.one_of(st.integers(-3, 40).filter(lambda it: it >= least), st.integers(least, most))
