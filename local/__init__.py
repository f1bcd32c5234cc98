"""Stands in for the cloud on a laptop: Qonto, AWS, and what AWS Lambda does."""
