"""A benchmark of the sync against other programs that do the same job, on a simulator that is faster than any."""
