"""The gRPC face: translates, never decides."""
