"""SyncFunction: takes an event, makes one run, returns its result."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from qonto_sync.bootstrap import Application
from qonto_sync.domain.events import parse_sync_event
from qonto_sync.observability import failures_logged, logger, report_run

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

application = cache(Application.from_environment)


@logger.inject_lambda_context(clear_state=True)
@failures_logged()
def lambda_handler(event: object, context: LambdaContext) -> dict[str, Any]:
    """Does what the event asks for; a fatal error raises, so that the invocation counts as failed."""
    request = parse_sync_event(event)
    logger.append_keys(connection=request.connection)
    report = application().run(request, context)
    report_run(report)
    return report.as_dict()
