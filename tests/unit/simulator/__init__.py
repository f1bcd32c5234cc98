"""The simulator keeps its own promises: what other tests rely on is tested here."""
