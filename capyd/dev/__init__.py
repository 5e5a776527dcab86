"""`capyd dev`: a whole stack of its own in the foreground, cluster and pooler included."""
