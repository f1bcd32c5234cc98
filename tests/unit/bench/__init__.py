"""The benchmark's computations and its server."""
