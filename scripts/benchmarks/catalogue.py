"""The benchmarks there are. A new one is a module of its own, and a line here."""

from benchmarks import burst, create, pooler
from benchmarks.benchmark import Benchmark

CATALOGUE: dict[str, Benchmark] = {
    benchmark.name: benchmark for benchmark in (create.BENCHMARK, burst.BENCHMARK, pooler.BENCHMARK)
}
"""By name, in the order in which they run."""
