-- The size of each project's database when it was last measured, and the highest level that an alert has told of.
CREATE TABLE storage (
  project_id TEXT PRIMARY KEY REFERENCES projects (id),
  measured_at INTEGER NOT NULL,
  size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
  level INTEGER NOT NULL CHECK (level >= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE storage_history (
  project_id TEXT NOT NULL REFERENCES projects (id),
  measured_at INTEGER NOT NULL,
  size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
  PRIMARY KEY (project_id, measured_at)
) STRICT, WITHOUT ROWID;

CREATE INDEX storage_history_by_age ON storage_history (measured_at);
