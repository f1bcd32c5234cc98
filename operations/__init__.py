"""What an operator does to a deployed stack, from a terminal; never deployed itself."""
