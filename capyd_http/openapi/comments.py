"""The comments of the protos, which are the document's descriptions."""

from collections.abc import Iterator, Sequence
from importlib.resources import files

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
    ServiceDescriptorProto,
)

_Named = DescriptorProto | FieldDescriptorProto | MethodDescriptorProto | ServiceDescriptorProto


def read_comments() -> dict[str, str]:
    """The comment above each service, method, message and field that has one, by full name.

    From `capyd/v1/capyd.binpb`: generated modules carry their descriptors without comments.
    """
    every = FileDescriptorSet.FromString((files("capyd.v1") / "capyd.binpb").read_bytes())
    return {name: comment for file in every.file for name, comment in _file_comments(file)}


def _file_comments(file: FileDescriptorProto) -> Iterator[tuple[str, str]]:
    for location in file.source_code_info.location:
        named = _named(file, location.path)
        if named and location.leading_comments:
            lines = location.leading_comments.strip().splitlines()
            full_name = ".".join([file.package, *(one.name for one in named)])
            yield full_name, " ".join(line.strip() for line in lines)


def _named(file: FileDescriptorProto, path: Sequence[int]) -> list[_Named]:
    """What a location's path points at, from outside to inside: a service, its method; a message, its field.

    A path alternates field numbers of descriptor.proto and places in that field's list.
    """
    match list(path):
        case [FileDescriptorProto.SERVICE_FIELD_NUMBER, place]:
            return [file.service[place]]
        case [FileDescriptorProto.SERVICE_FIELD_NUMBER, place, ServiceDescriptorProto.METHOD_FIELD_NUMBER, inner]:
            return [file.service[place], file.service[place].method[inner]]
        case [FileDescriptorProto.MESSAGE_TYPE_FIELD_NUMBER, place]:
            return [file.message_type[place]]
        case [FileDescriptorProto.MESSAGE_TYPE_FIELD_NUMBER, place, DescriptorProto.FIELD_FIELD_NUMBER, inner]:
            return [file.message_type[place], file.message_type[place].field[inner]]
        case _:
            return []
