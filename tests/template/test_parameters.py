"""Parameters: complete, described, and checked before anything is deployed."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from qonto_sync.domain.errors import InvalidSettings
from qonto_sync.settings import Settings
from tests.unit.test_settings import GOOD

if TYPE_CHECKING:
    from pathlib import Path


def test_every_parameter_is_described_and_checked(source: dict[str, Any]) -> None:
    """The console shows a sentence for each parameter, and rejects a value that cannot work."""
    for name, parameter in source["Parameters"].items():
        assert parameter["Description"], name
        assert parameter.keys() & {"AllowedPattern", "AllowedValues", "MinValue"}, name
        assert "AllowedPattern" not in parameter or "ConstraintDescription" in parameter, name


def test_every_parameter_has_its_place_in_the_console(source: dict[str, Any]) -> None:
    """Each parameter is in exactly one group."""
    groups = source["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [name for group in groups for name in group["Parameters"]]
    assert sorted(grouped) == sorted(source["Parameters"])


def test_every_parameter_is_explained(root: Path, source: dict[str, Any]) -> None:
    """The table of docs/parameters.md has each of them, and none that was removed."""
    page = (root / "docs/parameters.md").read_text()
    table = page.partition("\n## Template parameters\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.+?) \|", table, re.MULTILINE)
    assert sorted(name for row in rows for name in re.findall(r"`(\w+)`", row)) == sorted(source["Parameters"])


def test_defaults_are_those_of_qonto_in_production(source: dict[str, Any]) -> None:
    """Deploying without a single parameter synchronizes everything, every hour, from the real Qonto."""
    defaults = {name: parameter["Default"] for name, parameter in source["Parameters"].items()}
    assert defaults == {
        "QontoApiUrl": "https://thirdparty.qonto.com",
        "QontoTokenUrl": "https://oauth.qonto.com/oauth2/token",
        "QontoSecretPrefix": "qonto/",
        "AttachmentHosts": "qonto.s3.eu-central-1.amazonaws.com,qonto-uploads.s3.eu-central-1.amazonaws.com",
        "ScheduleExpression": "rate(1 hour)",
        "ReconcileScheduleExpression": "cron(30 2 * * ? *)",
        "DefaultSchedule": "ENABLED",
        "AlarmEmail": "",
        "StalledAfterHours": 3,
        "UncertifiedAfterDays": 2,
        "RunbookUrl": "docs/runbook.md",
        "KmsKeyArn": "",
        "KeepOldVersionsDays": 3653,
        "ObjectLockMode": "NONE",
        "ObjectLockDays": 3653,
        "InitialSyncFrom": "2016-01-01T00:00:00Z",
        "Workers": 24,
        "RequestsPer10Seconds": 1_000,
        "RequestsPer10Minutes": 10_000,
        "RetryConcurrency": 2,
        "WebhookEnabled": "false",
        "Architecture": "arm64",
        "LogLevel": "INFO",
        "LogRetentionDays": 90,
        "AwsEndpointUrl": "",
    }


@pytest.mark.parametrize(
    ("name", "variable", "setting"),
    [
        ("Workers", "WORKERS", "workers"),
        ("RequestsPer10Seconds", "REQUESTS_PER_10_SECONDS", "requests_per_10_seconds"),
        ("RequestsPer10Minutes", "REQUESTS_PER_10_MINUTES", "requests_per_10_minutes"),
    ],
)
def test_numbers_have_the_codes_own_limits(source: dict[str, Any], name: str, variable: str, setting: str) -> None:
    """What can be deployed can run, and a deployment without the parameter changes nothing."""
    parameter = source["Parameters"][name]

    def read(number: int) -> int:
        value: int = getattr(Settings.from_environment(GOOD | {variable: str(number)}), setting)
        return value

    assert parameter["Default"] == getattr(Settings.from_environment(GOOD), setting)
    assert [read(parameter[limit]) for limit in ("MinValue", "MaxValue")] == [1, parameter["MaxValue"]]
    for beyond in (parameter["MinValue"] - 1, parameter["MaxValue"] + 1):
        with pytest.raises(InvalidSettings, match=variable):
            read(beyond)


def test_defaults_pass_their_own_check(source: dict[str, Any]) -> None:
    """Every default matches its parameter's pattern or list."""
    for name, parameter in source["Parameters"].items():
        if "AllowedPattern" in parameter:
            assert re.search(parameter["AllowedPattern"], parameter["Default"]), name
        assert parameter["Default"] in parameter.get("AllowedValues", [parameter["Default"]]), name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("QontoApiUrl", "thirdparty.qonto.com"),
        ("QontoApiUrl", "https://thirdparty.qonto.com/v2"),
        ("QontoSecretPrefix", ""),
        ("QontoSecretPrefix", "*"),
        ("InitialSyncFrom", "2016-01-01"),
        ("InitialSyncFrom", "2016-01-01T00:00:00+01:00"),
        ("AttachmentHosts", ""),
        ("AttachmentHosts", "a.example, b.example"),
        ("ScheduleExpression", "1 hour"),
        ("ReconcileScheduleExpression", "daily"),
        ("AwsEndpointUrl", "localhost:5000"),
        ("AlarmEmail", "ops"),
        ("AlarmEmail", "a@b.example, c@d.example"),
        ("KmsKeyArn", "alias/ours"),
        ("KmsKeyArn", "arn:aws:kms:eu-central-1:123456789012:alias/ours"),
        ("RunbookUrl", "https://wiki.example/runbook#top"),
    ],
)
def test_values_that_cannot_work_are_rejected(source: dict[str, Any], name: str, value: str) -> None:
    """A mistake stops the deployment instead of the first run."""
    assert not re.search(source["Parameters"][name]["AllowedPattern"], value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("QontoApiUrl", "http://127.0.0.1:9000"),
        ("QontoTokenUrl", "http://127.0.0.1:9000/oauth2/token"),
        ("AttachmentHosts", "http://127.0.0.1:9000,files.example"),
        ("AwsEndpointUrl", "http://host.docker.internal:5000"),
        ("ScheduleExpression", "rate(15 minutes)"),
        ("ScheduleExpression", "cron(0 6 * * ? *)"),
        ("AlarmEmail", "ops@acme.example"),
        ("KmsKeyArn", "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"),
        ("RunbookUrl", "https://wiki.example/qonto/runbook"),
    ],
)
def test_values_for_local_use_and_other_schedules_are_taken(source: dict[str, Any], name: str, value: str) -> None:
    """What the local stack and a different schedule need passes the checks."""
    assert re.search(source["Parameters"][name]["AllowedPattern"], value)


def test_samconfig_deploys_environments_side_by_side(root: Path, source: dict[str, Any]) -> None:
    """Each has a stack and secrets of its own, asks before it changes anything, and overrides real parameters."""
    config = tomllib.loads((root / "samconfig.toml").read_text())
    environments = {name: settings for name, settings in config.items() if name != "version"}
    assert environments.keys() == {"default", "dev", "prod"}
    stacks = {settings["global"]["parameters"]["stack_name"] for settings in environments.values()}
    assert len(stacks) == len(environments)
    prefixes = []
    for settings in environments.values():
        parameters = settings["deploy"]["parameters"]
        assert parameters["capabilities"] == "CAPABILITY_IAM"
        assert parameters["confirm_changeset"] is True
        overrides = dict(pair.split("=") for pair in parameters.get("parameter_overrides", "").split())
        assert overrides.keys() <= source["Parameters"].keys()
        prefixes.append(overrides.get("QontoSecretPrefix", source["Parameters"]["QontoSecretPrefix"]["Default"]))
    assert not any(one.startswith(other) for one in prefixes for other in prefixes if one is not other)
