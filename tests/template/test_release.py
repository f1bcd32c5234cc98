"""A release: the git tag, the template's version and the changelog's newest heading are the same."""

from __future__ import annotations

import re
import shutil
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


def tags_of_head(root: Path) -> set[str]:
    """The version tags of HEAD. A machine without git and an export have none."""
    git = shutil.which("git")
    if git is None:
        return set()
    listed = subprocess.run(  # noqa: S603 - a fixed command
        [git, "tag", "--points-at", "HEAD", "--list", "v*"], cwd=root, capture_output=True, text=True, check=False
    )
    return set(listed.stdout.split())


def test_the_template_has_the_version_of_the_changelog(root: Path, source: dict[str, Any]) -> None:
    """Before the first release the changelog has no version, and the template's has a leading zero."""
    released = changelog_versions(root)
    version = template_version(source)
    assert released[:1] == [version] or (not released and version.startswith("0."))


def test_a_tag_has_the_version_of_the_template(root: Path, source: dict[str, Any]) -> None:
    """If HEAD has a version tag."""
    assert tags_of_head(root) <= {f"v{template_version(source)}"}
