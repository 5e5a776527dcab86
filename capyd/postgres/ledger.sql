-- The ledger, version 1: the truth about what on this cluster is capyd's.
-- It lives in the cluster so that replicas, base backups and promotions carry it.

CREATE SCHEMA capyd;

CREATE TABLE capyd.ledger_version (
    version integer NOT NULL
);
INSERT INTO capyd.ledger_version (version) VALUES (1);

-- A tenant: a database and its roles. Only what stands here as building or deleting may ever be dropped.
--   building   being made; an interrupted build is dropped            -> spare, deleting
--   spare      finished, closed, nobody's                             -> claimed, deleting
--   claimed    a project's                                            -> deleting
--   deleting   shut, to be dropped; the row goes with the last object
CREATE TABLE capyd.tenants (
    database_name   text PRIMARY KEY CHECK (database_name ~ '^capy_[a-z0-9]{16}$'),
    state           text NOT NULL CHECK (state IN ('building', 'spare', 'claimed', 'deleting')),
    template        text NOT NULL,
    -- Names can be taken over by strangers, OIDs cannot. Each is known from the moment its object is.
    owner_oid       oid NOT NULL,
    login_oid       oid NOT NULL,
    database_oid    oid,
    -- Absent: the tenant changed its password itself, and nobody here knows it.
    sealed_password bytea,
    verifier        text NOT NULL,
    pool_size       integer NOT NULL CHECK (pool_size > 0),
    pooled          boolean NOT NULL DEFAULT false,
    project_id      text UNIQUE,
    organization_id text,
    specification   jsonb,
    created_at      timestamptz NOT NULL DEFAULT pg_catalog.now(),
    updated_at      timestamptz NOT NULL DEFAULT pg_catalog.now(),
    claimed_at      timestamptz,
    CHECK (state IN ('building', 'deleting') OR database_oid IS NOT NULL),
    CHECK (state IN ('claimed', 'deleting') OR project_id IS NULL),
    CHECK (
        (project_id IS NULL) = (organization_id IS NULL)
        AND (project_id IS NULL) = (specification IS NULL)
        AND (project_id IS NULL) = (claimed_at IS NULL)
    ),
    CHECK (state <> 'claimed' OR project_id IS NOT NULL),
    CHECK (state IN ('claimed', 'deleting') OR sealed_password IS NOT NULL)
);

CREATE INDEX tenants_by_state ON capyd.tenants (state, created_at);

-- The hardened templates that capyd made. An unfinished or outdated one may be dropped because it stands here.
CREATE TABLE capyd.templates (
    database_name text PRIMARY KEY CHECK (database_name ~ '^capy_template_[0-9a-f]{16}$'),
    created_at    timestamptz NOT NULL DEFAULT pg_catalog.now()
);

-- What the daemon's state file holds and the tenants do not say: written by its outbox, read when the file is lost.
-- A row's revision only ever grows; the head is the newest that was carried, whatever it was about.
CREATE TABLE capyd.head (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    revision bigint NOT NULL,
    -- A random word that the state file knows: another file's writer, or an old copy's, is told by it.
    mark     text
);
INSERT INTO capyd.head (revision) VALUES (0);

CREATE TABLE capyd.organizations (
    id               text PRIMARY KEY,
    name             text NOT NULL,
    slug             text NOT NULL,
    plan             text NOT NULL,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    suspended_at     timestamptz,
    suspended_reason text,
    revision         bigint NOT NULL
);

-- Deleted ones stay as tombstones, so that no backup brings them back.
CREATE TABLE capyd.projects (
    id              text PRIMARY KEY,
    organization_id text NOT NULL,
    state           text NOT NULL,
    last_error      text,
    specification   jsonb NOT NULL,
    updated_at      timestamptz NOT NULL,
    revision        bigint NOT NULL
);

-- A key's text is nowhere: the digest is its SHA-256.
CREATE TABLE capyd.api_keys (
    id              text PRIMARY KEY,
    organization_id text NOT NULL,
    project_id      text,
    name            text NOT NULL,
    digest          bytea NOT NULL CHECK (pg_catalog.length(digest) = 32),
    key_prefix      text NOT NULL,
    scopes          text[] NOT NULL,
    source          text NOT NULL,
    expires_at      timestamptz,
    revoked_at      timestamptz,
    created_at      timestamptz NOT NULL,
    revision        bigint NOT NULL
);
