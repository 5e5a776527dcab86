"""How each job type is done on the cluster and the pooler: one type a file, its steps inside."""
