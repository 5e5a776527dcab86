"""The machine: its processes, its users, the programs installed on it. The only home of child processes."""
