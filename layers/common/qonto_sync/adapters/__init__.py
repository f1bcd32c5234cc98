"""Translators between the ports and the world: Qonto over HTTP, and AWS through boto3."""
