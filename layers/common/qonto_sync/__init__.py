"""Keeps an S3 archive equal to a Qonto organization's client invoices.

Imports point inward: `functions` → `bootstrap` → `qonto` and `aws` → `ports` → `domain`. `usecases` sees `ports` and
`domain` only. `pyproject.toml` has the contracts that import-linter checks.
"""
