"""What the service says of itself: regions, clusters, versions, status, health, its own description."""

from datetime import UTC, datetime

from tests.stack.projects import Json
from tests.stack.rest import Rest
from tests.stack.running import RunningStack


async def anonymous(rest: Rest, path: str) -> Json:
    """The JSON of a path that asks for no token."""
    reply = await rest.send("GET", path, headers={})
    assert reply.status == 200, reply.body
    return reply.json


async def test_regions(rest: Rest) -> None:
    assert await rest.expect(200, "GET", "/v1/regions") == {
        "regions": ["local"],
        "region_details": [{"id": "local", "display_name": "Local", "location": "This host"}],
    }


async def test_the_cluster(stack: RunningStack, rest: Rest) -> None:
    (cluster,) = (await rest.expect(200, "GET", "/v1/clusters"))["clusters"]
    extensions = cluster.pop("extensions")
    assert cluster == {
        "id": stack.ready["cluster_id"],
        "name": "dev",
        "provider": "capyd-dev",
        "region": "local",
        "public_host": "127.0.0.1",
        "direct_port": stack.ready["direct_port"],
        "pooled_port": stack.ready["pooled_port"],
        "postgres_version": stack.major,
        "state": "ready",
        "supports_point_in_time_recovery": False,
    }
    available = {name for (name,) in await stack.administer("SELECT name FROM pg_available_extensions")}
    assert set(extensions) <= available
    assert {"citext", "hstore", "pg_trgm"} <= set(extensions)
    assert "file_fdw" in available - set(extensions)  # the catalogue is an allow-list


async def test_versions(stack: RunningStack, rest: Rest) -> None:
    assert await rest.expect(200, "GET", "/v1/postgres-versions") == {
        "versions": [{"version": stack.major, "channel": "stable", "default": True, "production_ready": True}]
    }


async def test_me(stack: RunningStack, rest: Rest) -> None:
    me = await rest.expect(200, "GET", "/v1/me")
    organization = me["organization"]
    assert (organization["id"], organization["billing_plan"]) == (stack.organization_id, "vibe")
    assert organization["billing_status"] == "active"
    assert me["principal"]["auth_source"] == "api_key"
    assert me["principal"]["organization_id"] == stack.organization_id
    assert me["principal"]["is_admin"] is False
    assert me["principal"]["scopes"] == ["*"]
    assert await rest.expect(200, "GET", f"/v1/organizations/{stack.organization_id}") == {"organization": organization}


async def test_status_needs_no_token(rest: Rest) -> None:
    status = await anonymous(rest, "/status")
    assert (status["service"], status["status"], status["regions"]) == ("capyd", "operational", ["local"])
    assert {part["name"]: part["status"] for part in status["components"]} == {
        "api": "operational",
        "postgres": "operational",
        "pooler": "operational",
    }
    assert all(part["message"] for part in status["components"])
    assert status["generated_at"].endswith("Z")
    assert datetime.fromisoformat(status["updated_at"]) <= datetime.now(UTC)


async def test_health_and_readiness(rest: Rest) -> None:
    assert await anonymous(rest, "/healthz") == {"status": "ok"}
    assert await anonymous(rest, "/readyz") == {"status": "ok"}


async def test_the_description_has_the_eight_operations(rest: Rest) -> None:
    document = await anonymous(rest, "/v1/openapi.json")
    assert document["openapi"].startswith("3.")
    operations = {(verb, path) for path, verbs in document["paths"].items() for verb in verbs}
    assert {
        ("get", "/v1/projects"),
        ("post", "/v1/projects"),
        ("get", "/v1/projects/{project_id}"),
        ("patch", "/v1/projects/{project_id}"),
        ("delete", "/v1/projects/{project_id}"),
        ("get", "/v1/projects/{project_id}/extensions"),
        ("post", "/v1/projects/{project_id}/extensions"),
        ("delete", "/v1/projects/{project_id}/extensions/{name}"),
    } <= operations


async def test_status_says_how_many_spares_there_are(stack: RunningStack) -> None:
    spares = await stack.spares()
    status = await stack.spare_status()
    assert status.keys() == {"ready", "building", "target", "claims_per_minute"}
    assert status["ready"] == len(spares) >= status["target"] >= 8
    assert status["building"] == 0
