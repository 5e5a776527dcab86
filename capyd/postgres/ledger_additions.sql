-- What was added to the ledger since version 1, and what an older capyd has no use for and does not mind.
-- Run at every preparation: each statement changes nothing where it was run before.

-- The newest audit event that the state file had when it last wrote here: whoever cuts the file's audit trail, or makes
-- a new one, would have to change this too.
CREATE TABLE IF NOT EXISTS capyd.audit_head (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    sequence bigint NOT NULL,
    hash     bytea NOT NULL CHECK (pg_catalog.length(hash) = 32)
);
