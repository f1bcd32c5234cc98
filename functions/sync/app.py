"""SyncFunction: an event in, one run of the sync, its result out."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from qonto_sync.bootstrap import Application
from qonto_sync.events import parse_sync_event
from qonto_sync.observability import emit_run_metrics, failures_logged, logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

application = cache(Application.from_environment)


@logger.inject_lambda_context(clear_state=True)
@failures_logged()
def lambda_handler(event: object, context: LambdaContext) -> dict[str, Any]:
    """Runs the sync that the event asks for; a fatal error raises, so that the invocation counts as failed."""
    request = parse_sync_event(event)
    logger.append_keys(connection=request.connection)
    result = application().sync_run(request, context).execute()
    emit_run_metrics(result)
    return result.as_dict()
