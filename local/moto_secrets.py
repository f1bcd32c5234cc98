"""Corrects moto's Secrets Manager: after the label AWSCURRENT has moved, it goes on to return the former version."""

from __future__ import annotations

from typing import Final

from moto.secretsmanager.models import SecretsManagerBackend

_update_secret_version_stage: Final = SecretsManagerBackend.update_secret_version_stage


def correct_current_version() -> None:
    """Corrects moto in this process; once is enough."""
    SecretsManagerBackend.update_secret_version_stage = _moving_the_default  # type: ignore[assignment, method-assign]


def _moving_the_default(
    backend: SecretsManagerBackend,
    secret_id: str,
    version_stage: str,
    remove_from_version_id: str,
    move_to_version_id: str,
) -> tuple[str, str]:
    moved = _update_secret_version_stage(backend, secret_id, version_stage, remove_from_version_id, move_to_version_id)
    if version_stage == "AWSCURRENT":
        backend.secrets[secret_id].default_version_id = move_to_version_id  # type: ignore[misc]
    return moved
