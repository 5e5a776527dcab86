"""One servicer a service: request in, use case, response out."""
