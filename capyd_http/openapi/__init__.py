"""The OpenAPI document, derived from the same descriptors as the routes: it cannot say anything else than they do."""
