"""What to do with a stack that is up, ready to paste."""

import shlex

from capyd.dev.layout import Layout
from capyd.dev.ready_file import Ready
from capyd.dev.tls import Tls

_CONNECTIONS = {
    Tls(direct=True, pooled=True): "Connections",
    Tls(direct=False, pooled=True): "Pooled connections (this PostgreSQL was built without it)",
    Tls(direct=True, pooled=False): "Direct connections (this PgBouncer was built without it)",
}


def render_summary(ready: Ready, layout: Layout, tls: Tls) -> str:
    """The text printed once everything answers."""
    url = ready["http_url"]
    return f"""
capyd is up: REST {url}/v1   gRPC {ready["grpc_target"]}   PostgreSQL {ready["postgres_version"]} on \
{ready["direct_port"]}, pooled on {ready["pooled_port"]}

  export CAPYD_KEY={ready["api_key"]}
{_trust(layout, tls)}
Create a project:
  curl -sS -H "Authorization: Bearer $CAPYD_KEY" -H 'Content-Type: application/json' \\
       -d '{{"name": "my first project"}}' {url}/v1/projects

Connect to it (the id is in the answer above):
  curl -sS -H "Authorization: Bearer $CAPYD_KEY" {url}/v1/projects/<id>/connections
  psql '<direct_url or pooled_url>'

State and logs: {layout.state}
Stop: Ctrl-C. The state stays, and the next start takes it up again.
"""


def _trust(layout: Layout, tls: Tls) -> str:
    """How clients come to trust the stack's certificates, which no public authority has signed."""
    if not tls.anywhere:
        return ""
    authority = shlex.quote(str(layout.certificates.authority))
    return f"""
{_CONNECTIONS[tls]} are made with TLS.
Clients that verify whom they talk to (Node.js always does) need the stack's certificate authority:
  export PGSSLROOTCERT={authority} NODE_EXTRA_CA_CERTS={authority}
"""
