"""Hostile input, made by a grammar: the same examples in every run, so that a red one is red again."""
