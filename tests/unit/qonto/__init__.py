"""Qonto over HTTP, on scripted and raw servers."""
