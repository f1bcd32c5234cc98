"""SyncFunction's handler with the environment variables of the template."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from functools import partial
from typing import Any

from bench.measuring import job_from_arguments, measured
from functions.sync.app import application, lambda_handler


@dataclass(frozen=True, slots=True)
class Context:
    """Lambda's context, as far as the handler uses it. The local stack's would import moto, which adds memory."""

    deadline: float
    aws_request_id: str = "00000000-0000-0000-0000-000000000000"
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:bench"

    @property
    def function_name(self) -> str:
        """See Lambda's context object."""
        return os.environ["AWS_LAMBDA_FUNCTION_NAME"]

    @property
    def memory_limit_in_mb(self) -> str:
        """See Lambda's context object."""
        return os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the timeout."""
        return max(0, int((self.deadline - time.time()) * 1000))


def main() -> None:
    """Creates the clients, as the first invocation does, then runs the job."""
    job = job_from_arguments()
    application()
    context: Any = Context(deadline=time.time() + float(os.environ["BENCH_TIMEOUT"]))
    measured(job, partial(lambda_handler, json.loads(os.environ.get("BENCH_EVENT", "{}")), context))


if __name__ == "__main__":
    main()
