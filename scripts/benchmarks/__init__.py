"""What `scripts/bench` measures: a module a benchmark, listed in `catalogue.py`."""
