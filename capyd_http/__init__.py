"""The REST gateway: CapyDB's v1 API over HTTP, translated to gRPC calls to a daemon. Keeps no state and no secret."""
