"""Each fake and its real adapter: the same cases over both."""
