"""The engine that runs jobs: runner, executor, rescuer, pruner. It knows no job type by name."""
