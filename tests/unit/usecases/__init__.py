"""The use cases on fakes."""
