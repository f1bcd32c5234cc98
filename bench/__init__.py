"""Measures the sync against others that do the same job, on a simulator that is faster than all of them."""
