"""A release: the git tag, the template's version and the changelog's newest heading are the same."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def changelog_versions(root: Path) -> list[str]:
    """The versions of the changelog's headings, the newest first."""
    return re.findall(
        r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}$", (root / "CHANGELOG.md").read_text(), re.MULTILINE
    )


def template_version(source: dict[str, Any]) -> str:
    """The version in the Serverless Application Repository's metadata."""
    return str(source["Metadata"]["AWS::ServerlessRepo::Application"]["SemanticVersion"])


def test_the_template_has_the_version_of_the_changelog(root: Path, source: dict[str, Any]) -> None:
    """Before the first release the changelog has no version, and the template's has a leading zero."""
    released = changelog_versions(root)
    version = template_version(source)
    assert released[:1] == [version] or (not released and version.startswith("0."))


def test_a_tag_has_the_version_of_the_template(root: Path, source: dict[str, Any]) -> None:
    """If HEAD has a version tag. An export without git has none."""
    listed = subprocess.run(
        ["git", "tag", "--points-at", "HEAD", "--list", "v*"],  # noqa: S607 - the git on the PATH
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert set(listed.stdout.split()) <= {f"v{template_version(source)}"}
