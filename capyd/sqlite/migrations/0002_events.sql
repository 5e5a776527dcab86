-- Everything that happens here, in the order in which it was committed: what a fleet controller follows.
-- AUTOINCREMENT gives no sequence twice, also when the rows are gone; a transaction that is rolled back takes its
-- sequences back with it, so that none is ever missing.
CREATE TABLE events (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL DEFAULT ('evt_' || lower(hex(randomblob(10)))),
  type TEXT NOT NULL,
  organization_id TEXT,
  project_id TEXT,
  job_id TEXT,
  -- That of the object which the event is about, as the change left it; absent where it has none.
  revision INTEGER,
  message TEXT NOT NULL,
  details TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(details)),
  occurred_at INTEGER NOT NULL
) STRICT;

-- Sequences of two streams have nothing to do with each other: a state file that is made anew begins a new one.
INSERT INTO facts (name, value) VALUES ('stream_id', 'stream_' || lower(hex(randomblob(12))));

-- Triggers write the events of objects, so that no statement can forget to. Those of organizations, projects and keys
-- are the outbox's own (0001), with the event behind the revision that they give.

DROP TRIGGER organizations_inserted;
CREATE TRIGGER organizations_inserted AFTER INSERT ON organizations BEGIN
  INSERT INTO outbox (kind, object_id) VALUES ('organization', NEW.id);
  UPDATE organizations SET revision = last_insert_rowid() WHERE id = NEW.id;
  INSERT INTO events (type, organization_id, revision, message, details, occurred_at)
  SELECT 'organization.created', id, revision, 'organization ' || slug || ' was created',
    json_object('plan', plan), created_at
  FROM organizations WHERE id = NEW.id;
END;

DROP TRIGGER organizations_updated;
CREATE TRIGGER organizations_updated AFTER UPDATE ON organizations WHEN NEW.revision = OLD.revision BEGIN
  INSERT INTO outbox (kind, object_id) VALUES ('organization', NEW.id);
  UPDATE organizations SET revision = last_insert_rowid() WHERE id = NEW.id;
  INSERT INTO events (type, organization_id, revision, message, details, occurred_at)
  SELECT 'organization.changed', id, revision, 'organization ' || slug || ' was changed',
    json_object('plan', plan), updated_at
  FROM organizations WHERE id = NEW.id
    AND (NEW.name IS NOT OLD.name OR NEW.slug IS NOT OLD.slug OR NEW.plan IS NOT OLD.plan);
  INSERT INTO events (type, organization_id, revision, message, details, occurred_at)
  SELECT iif(suspended_at IS NULL, 'organization.released', 'organization.suspended'), id, revision,
    'organization ' || slug || iif(suspended_at IS NULL, ' was released', ' was suspended'),
    iif(suspended_reason IS NULL, '{}', json_object('reason', suspended_reason)), updated_at
  FROM organizations WHERE id = NEW.id AND (NEW.suspended_at IS NULL) <> (OLD.suspended_at IS NULL);
END;

DROP TRIGGER projects_inserted;
CREATE TRIGGER projects_inserted AFTER INSERT ON projects BEGIN
  INSERT INTO outbox (kind, object_id) VALUES ('project', NEW.id);
  UPDATE projects SET revision = last_insert_rowid() WHERE id = NEW.id;
  INSERT INTO events (type, organization_id, project_id, job_id, revision, message, details, occurred_at)
  SELECT 'project.created', organization_id, id, latest_job_id, revision, 'project ' || slug || ' was created',
    json_object('state', state, 'slug', slug, 'environment', environment), created_at
  FROM projects WHERE id = NEW.id AND state <> 'deleted';
END;

DROP TRIGGER projects_updated;
CREATE TRIGGER projects_updated AFTER UPDATE ON projects WHEN NEW.revision = OLD.revision BEGIN
  INSERT INTO outbox (kind, object_id) VALUES ('project', NEW.id);
  UPDATE projects SET revision = last_insert_rowid() WHERE id = NEW.id;
  INSERT INTO events (type, organization_id, project_id, revision, message, details, occurred_at)
  SELECT 'project.settings_changed', organization_id, id, revision, 'settings of project ' || slug || ' were changed',
    json_object(
      'state', state, 'environment', environment, 'max_connections', max_connections,
      'statement_timeout_ms', statement_timeout, 'idle_transaction_timeout_ms', idle_transaction_timeout,
      'storage_limit_bytes', storage_limit_bytes
    ), updated_at
  FROM projects WHERE id = NEW.id AND (
    NEW.name IS NOT OLD.name OR NEW.environment <> OLD.environment OR NEW.always_on <> OLD.always_on
    OR NEW.max_connections <> OLD.max_connections OR NEW.statement_timeout <> OLD.statement_timeout
    OR NEW.idle_transaction_timeout <> OLD.idle_transaction_timeout
    OR NEW.storage_limit_bytes <> OLD.storage_limit_bytes
  );
  INSERT INTO events (type, organization_id, project_id, revision, message, details, occurred_at)
  SELECT iif(state = 'deleted', 'project.deleted', 'project.state_changed'), organization_id, id, revision,
    'project ' || slug || ' is ' || state,
    iif(
      last_error IS NULL,
      json_object('state', state, 'previous_state', OLD.state),
      json_object('state', state, 'previous_state', OLD.state, 'error', substr(last_error, 1, 1000))
    ), updated_at
  FROM projects WHERE id = NEW.id AND NEW.state <> OLD.state;
END;

DROP TRIGGER api_keys_inserted;
CREATE TRIGGER api_keys_inserted AFTER INSERT ON api_keys BEGIN
  INSERT INTO outbox (kind, object_id) VALUES ('api_key', NEW.id);
  UPDATE api_keys SET revision = last_insert_rowid() WHERE id = NEW.id;
  INSERT INTO events (type, organization_id, project_id, revision, message, details, occurred_at)
  SELECT 'api_key.created', organization_id, project_id, revision, 'API key ' || id || ' was created',
    json_object('api_key_id', id), created_at
  FROM api_keys WHERE id = NEW.id AND revoked_at IS NULL;
END;

DROP TRIGGER api_keys_updated;
CREATE TRIGGER api_keys_updated AFTER UPDATE ON api_keys
WHEN NEW.revision = OLD.revision AND NEW.last_used_at IS OLD.last_used_at BEGIN
  INSERT INTO outbox (kind, object_id) VALUES ('api_key', NEW.id);
  UPDATE api_keys SET revision = last_insert_rowid() WHERE id = NEW.id;
  INSERT INTO events (type, organization_id, project_id, revision, message, details, occurred_at)
  SELECT 'api_key.revoked', organization_id, project_id, revision, 'API key ' || id || ' was revoked',
    json_object('api_key_id', id), revoked_at
  FROM api_keys WHERE id = NEW.id AND NEW.revoked_at IS NOT NULL AND OLD.revoked_at IS NULL;
END;

CREATE TRIGGER jobs_inserted AFTER INSERT ON jobs WHEN NEW.state = 'pending' BEGIN
  INSERT INTO events (type, organization_id, project_id, job_id, message, details, occurred_at)
  VALUES (
    'job.accepted', NEW.organization_id, NEW.project_id, NEW.id, NEW.type || ' was accepted',
    json_object('type', NEW.type, 'state', NEW.state), NEW.created_at
  );
END;

-- A server that is away for hours is one event a job, and not two a look: what waits on for the same reason is silent.
CREATE TRIGGER jobs_updated AFTER UPDATE OF state ON jobs
WHEN NEW.state <> OLD.state
  AND NOT (NEW.state = 'running' AND OLD.waiting = 1)
  AND NOT (NEW.waiting = 1 AND OLD.retry_classification = 'transient' AND NEW.error IS OLD.error)
BEGIN
  INSERT INTO events (type, organization_id, project_id, job_id, message, details, occurred_at)
  SELECT type, NEW.organization_id, NEW.project_id, NEW.id,
    NEW.type || CASE type
      WHEN 'job.started' THEN ' was started'
      WHEN 'job.completed' THEN ' is completed'
      WHEN 'job.failed' THEN ' has failed'
      WHEN 'job.waiting' THEN ' waits for a server'
      WHEN 'job.requeued' THEN ' was let go of by its daemon, and will be run again'
      ELSE ' will be tried again'
    END,
    iif(
      NEW.error IS NULL OR NEW.state = 'running',
      json_object('type', NEW.type, 'state', NEW.state, 'attempts', NEW.attempts),
      json_object('type', NEW.type, 'state', NEW.state, 'attempts', NEW.attempts, 'error', substr(NEW.error, 1, 1000))
    ), NEW.updated_at
  FROM (
    SELECT CASE
      WHEN NEW.state = 'running' THEN 'job.started'
      WHEN NEW.state <> 'pending' THEN 'job.' || NEW.state
      WHEN NEW.waiting = 1 THEN 'job.waiting'
      WHEN NEW.attempts < OLD.attempts THEN 'job.requeued'
      ELSE 'job.retrying'
    END AS type
  );
END;
