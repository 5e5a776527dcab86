"""JSON schemas of messages and fields."""

from collections.abc import Collection, Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from capyd_http.transcode.fields import is_text_map, is_timestamp, rest_fields, rules

Schema = dict[str, Any]

_SCALARS: dict[int, Schema] = {
    FieldDescriptor.TYPE_STRING: {"type": "string"},
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_INT32: {"type": "integer", "format": "int32"},
    FieldDescriptor.TYPE_INT64: {"type": "integer", "format": "int64"},
    FieldDescriptor.TYPE_UINT32: {"type": "integer", "format": "uint32", "minimum": 0},
    FieldDescriptor.TYPE_UINT64: {"type": "integer", "format": "uint64", "minimum": 0},
}


class Schemas:
    """Collects the schemas of messages under their short names."""

    def __init__(self, comments: Mapping[str, str]) -> None:
        self._comments = comments
        self.by_name: dict[str, Schema] = {}

    def request(self, message: Descriptor, *, bound: Collection[str]) -> Schema:
        """A reference to the schema of a request body: the message without the fields bound elsewhere."""
        fields = [field for field in rest_fields(message) if field.name not in bound]
        required = [field.name for field in fields if rules(field).required]
        schema = self._object(message, fields, required)
        schema["additionalProperties"] = False
        return self._add(message, schema)

    def response(self, message: Descriptor, *, is_envelope: bool = False) -> Schema:
        """A reference to the schema of an answer, or of a part of one.

        Required is what is always there. In an envelope (a method's own response, `{project, job}`) that includes
        its parts: they are what the method answers with. Elsewhere a message may be absent.
        """
        if message.name not in self.by_name:
            fields = rest_fields(message)
            required = [field.name for field in fields if _always_there(field, in_envelope=is_envelope)]
            self._add(message, self._object(message, fields, required))
        return _reference(message)

    def field(self, field: FieldDescriptor) -> Schema:
        """The schema of one field's values, with its description."""
        schema = self._element(field)
        if field.is_repeated and not is_text_map(field):
            schema = {"type": "array", "items": schema}
        if rules(field).null_when_absent:
            schema = {"anyOf": [schema, {"type": "null"}]}
        if comment := self._comments.get(field.full_name):
            schema = {**schema, "description": comment}
        if rules(field).ignored:
            schema = {"description": "Accepted, and not read.", "deprecated": True}
        return schema

    def _element(self, field: FieldDescriptor) -> Schema:
        if is_timestamp(field):
            return {"type": "string", "format": "date-time"}
        if is_text_map(field):
            return {"type": "object", "additionalProperties": {"type": "string"}}
        if field.message_type is not None:
            return self.response(field.message_type)
        return dict(_SCALARS[field.type])

    def _object(self, message: Descriptor, fields: Collection[FieldDescriptor], required: Collection[str]) -> Schema:
        schema: Schema = {"type": "object", "properties": {field.name: self.field(field) for field in fields}}
        if required:
            schema["required"] = list(required)
        if comment := self._comments.get(message.full_name):
            schema["description"] = comment
        return schema

    def _add(self, message: Descriptor, schema: Schema) -> Schema:
        self.by_name[message.name] = schema
        return _reference(message)


def _reference(message: Descriptor) -> Schema:
    return {"$ref": f"#/components/schemas/{message.name}"}


def _always_there(field: FieldDescriptor, *, in_envelope: bool) -> bool:
    if not field.has_presence or rules(field).null_when_absent:
        return True
    is_part = field.message_type is not None and not is_timestamp(field) and field.containing_oneof is None
    return in_envelope and is_part
