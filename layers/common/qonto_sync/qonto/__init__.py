"""Qonto over HTTP: API, files, tokens, rate limits."""
