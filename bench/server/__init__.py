"""Qonto, its file host and AWS in one fast process. It supports what the contenders use, and counts their requests."""
