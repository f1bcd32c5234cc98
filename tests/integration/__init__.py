"""The deployed template, its handlers and the simulator together."""
