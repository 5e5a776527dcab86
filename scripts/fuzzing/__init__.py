"""`scripts/fuzz`: hostile input by machine, over both faces."""
