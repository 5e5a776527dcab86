"""The attempts, a category a file."""
