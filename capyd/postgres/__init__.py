"""Everything said to PostgreSQL. Its failures leave as `capyd.domain.failures`, classified by SQLSTATE."""
