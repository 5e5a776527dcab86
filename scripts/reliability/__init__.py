"""`scripts/chaos`: a workload, kills in the middle of it, and a look at what is left."""
