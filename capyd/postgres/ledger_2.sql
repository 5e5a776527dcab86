-- The ledger, version 2: a tenant may have two logins, while a rotation of its credentials has a grace period.

ALTER TABLE capyd.tenants
    -- The role that clients log in as. login_oid, verifier and sealed_password are this one's.
    ADD COLUMN login_name text,
    -- The job that made the present password: run again, it finds that it has.
    ADD COLUMN rotation_job_id text,
    -- The login before, which still works until retires_at.
    ADD COLUMN retiring_name text,
    ADD COLUMN retiring_oid oid,
    -- Absent from the moment its time is over: the pooler must not know it any more.
    ADD COLUMN retiring_verifier text,
    ADD COLUMN retires_at timestamptz,
    ADD CHECK ((retiring_name IS NULL) = (retiring_oid IS NULL) AND (retiring_name IS NULL) = (retires_at IS NULL)),
    ADD CHECK (retiring_name IS NOT NULL OR retiring_verifier IS NULL);

UPDATE capyd.tenants SET login_name = database_name;

ALTER TABLE capyd.tenants ALTER COLUMN login_name SET NOT NULL;

UPDATE capyd.ledger_version SET version = 2;
