"""Pure parts, and the use cases on fakes."""
