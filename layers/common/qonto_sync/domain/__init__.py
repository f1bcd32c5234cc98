"""Values and rules. The standard library only: no I/O, and time and randomness are passed in."""
