"""Keeps an S3 archive equal to a Qonto organization's client invoices.

Arrows point inward: functions → bootstrap → adapters; the use cases (`sync`, `archiving`, `retry`) know only
`ports`, `model` and `errors`.
"""
