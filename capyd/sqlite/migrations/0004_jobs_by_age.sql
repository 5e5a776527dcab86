-- All jobs, the newest first, for the operator.
CREATE INDEX jobs_by_age ON jobs (created_at, id);
