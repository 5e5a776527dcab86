-- Who did what, and who was refused. A row is never changed and never deleted; each carries the hash of the one before
-- it, so that what was done to the file by other means is found (`capyd audit verify`).
CREATE TABLE audit_events (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  created_at INTEGER NOT NULL,
  actor_kind TEXT NOT NULL,
  actor_id TEXT,
  auth_source TEXT NOT NULL,
  action TEXT NOT NULL,
  -- `accepted`, `repeated`, or the code of the error.
  outcome TEXT NOT NULL,
  target_kind TEXT,
  target_id TEXT,
  organization_id TEXT,
  project_id TEXT,
  -- The client's, as far as it is known.
  address TEXT,
  request_id TEXT,
  -- An object of texts.
  metadata TEXT NOT NULL CHECK (json_valid(metadata)),
  previous_hash BLOB NOT NULL CHECK (length(previous_hash) = 32),
  -- SHA-256 of all of the above (capyd/domain/audit.py).
  hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE INDEX audit_events_of_project ON audit_events (project_id, sequence) WHERE project_id IS NOT NULL;
CREATE INDEX audit_events_of_organization ON audit_events (organization_id, sequence) WHERE organization_id IS NOT NULL;

CREATE TRIGGER audit_events_updated BEFORE UPDATE ON audit_events BEGIN
  SELECT RAISE(ABORT, 'audit events are never changed');
END;

CREATE TRIGGER audit_events_deleted BEFORE DELETE ON audit_events BEGIN
  SELECT RAISE(ABORT, 'audit events are never deleted');
END;
