"""AWS's list prices in eu-central-1, in USD.

As of November 2026, without free tiers and discounts. Check them before you rely on them: they are not updated
automatically.
"""

from __future__ import annotations

from typing import Final

LAMBDA_GB_SECOND: Final = 0.0000133334
"""On arm64; the initialization is billed, too."""
LAMBDA_REQUEST: Final = 0.20 / 1e6
DYNAMODB_WRITE_UNIT: Final = 0.7625 / 1e6
DYNAMODB_READ_UNIT: Final = 0.1525 / 1e6
S3_PUT: Final = 0.0054 / 1e3
S3_GET: Final = 0.00043 / 1e3
S3_GB_MONTH: Final = 0.0245
SQS_REQUEST: Final = 0.40 / 1e6
SECRET_MONTH: Final = 0.40
SECRET_REQUEST: Final = 0.05 / 1e4
METRIC_MONTH: Final = 0.30
ALARM_MONTH: Final = 0.10
LOG_GB: Final = 0.63
