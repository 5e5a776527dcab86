-- 1: the project's credentials are being rotated. It is as good as ready meanwhile.
ALTER TABLE projects ADD COLUMN rotating INTEGER NOT NULL DEFAULT 0 CHECK (rotating IN (0, 1));

-- 1: it was accepted for a moment long after (run_after), and until then stands in no other job's way.
ALTER TABLE jobs ADD COLUMN scheduled INTEGER NOT NULL DEFAULT 0 CHECK (scheduled IN (0, 1));
