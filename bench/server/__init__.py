"""Qonto, its file host and AWS in one fast process: correct as far as the contenders go, and counting what they ask."""
