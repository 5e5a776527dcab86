"""The composition root: builds every object of the daemon; nobody else does."""
