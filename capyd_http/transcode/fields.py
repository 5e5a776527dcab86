"""What a field declares about its REST form."""

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from capyd.v1 import options_pb2

TIMESTAMP = "google.protobuf.Timestamp"


def rules(field: FieldDescriptor) -> options_pb2.FieldRules:
    """The field's own rules; all false when it declares none."""
    declared: options_pb2.FieldRules = field.GetOptions().Extensions[options_pb2.field]
    return declared


def rest_fields(message: Descriptor) -> list[FieldDescriptor]:
    """The fields that the REST face knows, in the proto's order."""
    return [field for field in message.fields if not rules(field).grpc_only]


def is_timestamp(field: FieldDescriptor) -> bool:
    """The field is a moment: a text in JSON, not an object."""
    return field.message_type is not None and field.message_type.full_name == TIMESTAMP


def is_text_map(field: FieldDescriptor) -> bool:
    """The field is a map from text to text: an object in JSON, whatever its keys."""
    entry = field.message_type
    return (
        entry is not None
        and entry.GetOptions().map_entry
        and all(part.type == FieldDescriptor.TYPE_STRING for part in entry.fields)
    )


def untranslatable(field: FieldDescriptor) -> TypeError:
    """What the gateway stops with at its start: a field of a type that has no JSON form here."""
    return TypeError(f"{field.full_name} is of a type that the REST face has no form for")
