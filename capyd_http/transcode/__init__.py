"""Between the REST face and protobuf: routes, bodies and answers, all read from the descriptors of capyd.v1."""
