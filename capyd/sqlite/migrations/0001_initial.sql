-- Moments are microseconds since 1970, in UTC. Spans are milliseconds.

CREATE TABLE facts (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE organizations (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  slug TEXT NOT NULL UNIQUE,
  plan TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  suspended_at INTEGER,
  suspended_reason TEXT,
  revision INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX organizations_by_age ON organizations (created_at, id);

CREATE TABLE projects (
  id TEXT PRIMARY KEY,
  organization_id TEXT NOT NULL REFERENCES organizations (id),
  name TEXT NOT NULL,
  slug TEXT NOT NULL,
  environment TEXT NOT NULL CHECK (environment IN ('production', 'non_production')),
  state TEXT NOT NULL CHECK (state IN ('provisioning', 'ready', 'deleting', 'failed', 'deleted')),
  always_on INTEGER NOT NULL CHECK (always_on IN (0, 1)),
  last_error TEXT,
  latest_job_id TEXT NOT NULL,
  -- What the project is on the cluster; absent until its job has claimed a tenant.
  database_name TEXT UNIQUE,
  role_name TEXT,
  -- Absent with a ready project: the tenant changed its password itself, and nobody here knows it.
  sealed_password BLOB,
  max_connections INTEGER NOT NULL CHECK (max_connections > 0),
  statement_timeout INTEGER NOT NULL CHECK (statement_timeout > 0),
  idle_transaction_timeout INTEGER NOT NULL CHECK (idle_transaction_timeout > 0),
  storage_limit_bytes INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  deleted_at INTEGER,
  revision INTEGER NOT NULL DEFAULT 0,
  CHECK ((state = 'deleted') = (deleted_at IS NOT NULL)),
  CHECK (state <> 'failed' OR last_error IS NOT NULL),
  CHECK (state <> 'ready' OR (database_name IS NOT NULL AND role_name IS NOT NULL))
) STRICT;

CREATE UNIQUE INDEX projects_live_slug ON projects (organization_id, slug) WHERE deleted_at IS NULL;
CREATE INDEX projects_live_by_age ON projects (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX projects_live_of_organization ON projects (organization_id, created_at, id) WHERE deleted_at IS NULL;

CREATE TABLE api_keys (
  id TEXT PRIMARY KEY,
  organization_id TEXT NOT NULL REFERENCES organizations (id),
  project_id TEXT REFERENCES projects (id),
  name TEXT NOT NULL,
  digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
  key_prefix TEXT NOT NULL,
  scopes TEXT NOT NULL CHECK (json_valid(scopes)),
  source TEXT NOT NULL,
  last_used_at INTEGER,
  expires_at INTEGER,
  revoked_at INTEGER,
  created_at INTEGER NOT NULL,
  revision INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX api_keys_of_organization ON api_keys (organization_id, created_at, id);

CREATE TABLE jobs (
  id TEXT PRIMARY KEY,
  type TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('pending', 'running', 'completed', 'failed')),
  project_id TEXT NOT NULL,
  organization_id TEXT NOT NULL,
  arguments TEXT NOT NULL CHECK (json_valid(arguments)),
  locked_resource TEXT NOT NULL,
  -- The order of acceptance within a resource; a retry goes to the head.
  position INTEGER NOT NULL,
  -- Not before this moment.
  run_after INTEGER NOT NULL,
  -- 1: not to be started until something releases it (it stands behind a failed provisioning).
  held INTEGER NOT NULL DEFAULT 0 CHECK (held IN (0, 1)),
  -- 1: it waits for a server that does not answer, and is due as soon as that answers.
  waiting INTEGER NOT NULL DEFAULT 0 CHECK (waiting IN (0, 1)),
  -- Who wants it cancelled: it ends before its next step.
  cancelled_by TEXT,
  attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  max_attempts INTEGER NOT NULL CHECK (max_attempts > 0),
  claimed_by TEXT,
  claimed_at INTEGER,
  started_at INTEGER,
  completed_at INTEGER,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  error TEXT,
  last_exit_code INTEGER,
  last_stdout TEXT,
  last_stderr TEXT,
  retry_classification TEXT CHECK (retry_classification IN ('transient', 'permanent')),
  CHECK ((state IN ('completed', 'failed')) = (completed_at IS NOT NULL)),
  CHECK (state <> 'running' OR (claimed_by IS NOT NULL AND claimed_at IS NOT NULL)),
  CHECK (state <> 'failed' OR error IS NOT NULL)
) STRICT;

-- Answers to mutations that carried a request id, so that the same one again gets the same answer.
CREATE TABLE answers (
  scope TEXT NOT NULL,
  method TEXT NOT NULL,
  request_id TEXT NOT NULL,
  -- SHA-256 of the request without its id.
  fingerprint BLOB NOT NULL,
  answer BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (scope, method, request_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX answers_by_age ON answers (created_at);

CREATE INDEX jobs_open_of_resource ON jobs (locked_resource, position) WHERE state IN ('pending', 'running');
CREATE INDEX jobs_pending_due ON jobs (run_after) WHERE state = 'pending' AND held = 0;
CREATE INDEX jobs_of_project ON jobs (project_id, created_at, id);
CREATE INDEX jobs_final_by_age ON jobs (completed_at) WHERE state IN ('completed', 'failed');

-- What the ledger in the cluster must still learn: a row a change, in the order of the changes. A revision is never
-- given twice, also when the rows are gone (AUTOINCREMENT). Triggers write it, so that no statement can forget to.
CREATE TABLE outbox (
  revision INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL CHECK (kind IN ('organization', 'project', 'api_key')),
  object_id TEXT NOT NULL
) STRICT;

CREATE TRIGGER organizations_inserted AFTER INSERT ON organizations BEGIN
  INSERT INTO outbox (kind, object_id) VALUES ('organization', NEW.id);
  UPDATE organizations SET revision = last_insert_rowid() WHERE id = NEW.id;
END;

CREATE TRIGGER organizations_updated AFTER UPDATE ON organizations WHEN NEW.revision = OLD.revision BEGIN
  INSERT INTO outbox (kind, object_id) VALUES ('organization', NEW.id);
  UPDATE organizations SET revision = last_insert_rowid() WHERE id = NEW.id;
END;

CREATE TRIGGER projects_inserted AFTER INSERT ON projects BEGIN
  INSERT INTO outbox (kind, object_id) VALUES ('project', NEW.id);
  UPDATE projects SET revision = last_insert_rowid() WHERE id = NEW.id;
END;

CREATE TRIGGER projects_updated AFTER UPDATE ON projects WHEN NEW.revision = OLD.revision BEGIN
  INSERT INTO outbox (kind, object_id) VALUES ('project', NEW.id);
  UPDATE projects SET revision = last_insert_rowid() WHERE id = NEW.id;
END;

CREATE TRIGGER api_keys_inserted AFTER INSERT ON api_keys BEGIN
  INSERT INTO outbox (kind, object_id) VALUES ('api_key', NEW.id);
  UPDATE api_keys SET revision = last_insert_rowid() WHERE id = NEW.id;
END;

-- When a key was last used is the state file's alone: it is written every minute.
CREATE TRIGGER api_keys_updated AFTER UPDATE ON api_keys
WHEN NEW.revision = OLD.revision AND NEW.last_used_at IS OLD.last_used_at BEGIN
  INSERT INTO outbox (kind, object_id) VALUES ('api_key', NEW.id);
  UPDATE api_keys SET revision = last_insert_rowid() WHERE id = NEW.id;
END;
