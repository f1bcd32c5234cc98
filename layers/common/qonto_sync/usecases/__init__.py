"""What happens in an invocation. Use cases depend on `domain` and `ports` only, never on an adapter."""
