"""Runs deployed functions as AWS Lambda would, in this process."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from local.aws import ACCESS_KEY, REGION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from local.stack import DeployedFunction

_VERSION: Final = "$LATEST"


class FunctionError(Exception):
    """A function failed: it raised (see `__cause__`), could not be loaded, or exceeded its timeout."""

    def __init__(self, error_type: str, error_message: str, trace: list[str]) -> None:
        super().__init__(f"{error_type}: {error_message}")
        self.error_type = error_type
        self.error_message = error_message
        self.trace = trace

    @property
    def payload(self) -> dict[str, Any]:
        """What Lambda returns to the caller."""
        return {"errorMessage": self.error_message, "errorType": self.error_type, "stackTrace": self.trace}


@dataclass(frozen=True, slots=True)
class LambdaContext:
    """The handler's second argument."""

    aws_request_id: str
    function_name: str
    invoked_function_arn: str
    memory_limit_in_mb: str
    log_group_name: str
    log_stream_name: str
    deadline: float
    clock: Callable[[], float] = field(repr=False)
    function_version: str = _VERSION

    def get_remaining_time_in_millis(self) -> int:
        """Counts down to the moment when Lambda would kill the function; never below zero."""
        return max(0, int((self.deadline - self.clock()) * 1000))


class SkippingClock:
    """Real time, but for a part that is skipped some seconds after each start: the middle of a long invocation."""

    def __init__(self, after: float, skipped: float) -> None:
        """`skipped` is how many seconds pass at once, `after` how long after a start."""
        self._after = after
        self._skipped = skipped
        self.start()

    def start(self) -> None:
        """An invocation begins."""
        self._started_at = time.time()

    def __call__(self) -> float:
        """Seconds since the epoch. From one invocation to the next they may go back."""
        now = time.time()
        return now + self._skipped if now - self._started_at > self._after else now


class ExecutionEnvironment:
    """One copy of a function, as Lambda keeps it between invocations.

    The handler's module is loaded by the first invocation and belongs to this environment alone; what that
    module imports is shared with the rest of the process. As in Lambda, one invocation runs at a time; more
    environments take more at once. Those of one function run side by side, those of different functions take
    turns, because the process has one `os.environ`.

    `clock` gives seconds since the epoch; the context counts down on it, as Lambda's does on `time.time`.
    """

    def __init__(self, function: DeployedFunction, *, clock: Callable[[], float] = time.time) -> None:
        self.function = function
        self._clock = clock
        self._handler: Callable[[Any, LambdaContext], Any] | None = None
        self._log_stream = f"{time.strftime('%Y/%m/%d')}/[{_VERSION}]{uuid.uuid4().hex}"
        self._busy = threading.Lock()

    def invoke(self, event: Any, timeout: float | None = None) -> Any:
        """Runs the handler and gives what it returns; both pass through JSON.

        A `timeout` in seconds replaces the function's own. A handler that exceeds it is not interrupted, but
        what it returns is lost, as in Lambda.

        Raises:
            FunctionError: As Lambda would report it.
        """
        seconds = self.function.timeout if timeout is None else timeout
        with self._busy, _OS_ENVIRONMENT.holding(environment_variables(self.function)):
            context = self._context(seconds)
            if self._handler is None:
                self._handler = _load(self.function)
            try:
                result = self._handler(json.loads(json.dumps(event)), context)
            except Exception as error:
                raise _failure(type(error).__name__, str(error), error) from error
        if self._clock() > context.deadline:
            message = f"RequestId: {context.aws_request_id} Error: Task timed out after {seconds:.2f} seconds"
            raise FunctionError("Sandbox.Timedout", message, [])
        try:
            return json.loads(json.dumps(result))
        except (TypeError, ValueError) as error:
            raise _failure("Runtime.MarshalError", f"Unable to marshal response: {error}", error) from error

    def _context(self, seconds: float) -> LambdaContext:
        return LambdaContext(
            aws_request_id=str(uuid.uuid4()),
            function_name=self.function.name,
            invoked_function_arn=self.function.arn,
            memory_limit_in_mb=str(self.function.memory),
            log_group_name=self.function.log_group,
            log_stream_name=self._log_stream,
            deadline=self._clock() + seconds,
            clock=self._clock,
        )


def _load(function: DeployedFunction) -> Callable[[Any, LambdaContext], Any]:
    module_name, handler_name = function.handler.rsplit(".", maxsplit=1)
    # A unique name, because `sys.modules` would give a second environment the first one's globals.
    unique_name = f"{function.logical_id}_{uuid.uuid4().hex}"
    path = str(function.source / f"{module_name}.py")
    module = ModuleType(unique_name)
    module.__file__ = path
    # As for any import, because dataclasses look up the module of their class there.
    sys.modules[unique_name] = module
    try:
        SourceFileLoader(unique_name, path).exec_module(module)
    except (ImportError, FileNotFoundError) as error:
        message = f"Unable to import module '{module_name}': {error}"
        raise _failure("Runtime.ImportModuleError", message, error) from error
    except Exception as error:
        raise _failure(type(error).__name__, str(error), error) from error
    handler: Callable[[Any, LambdaContext], Any] | None = getattr(module, handler_name, None)
    if handler is None:
        message = f"Handler '{handler_name}' missing on module '{module_name}'"
        raise FunctionError("Runtime.HandlerNotFound", message, [])
    return handler


class _OsEnvironment:
    """Shares the process's `os.environ` among callers with the same variables; others wait."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._holders = 0
        self._variables: Mapping[str, str] = {}
        self._before: dict[str, str | None] = {}

    @contextmanager
    def holding(self, variables: Mapping[str, str]) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: self._holders == 0 or self._variables == variables)
            if self._holders == 0:
                # A developer's own AWS settings, such as AWS_PROFILE, do not exist in Lambda.
                replaced = variables.keys() | {name for name in os.environ if name.startswith("AWS_")}
                self._before = {name: os.environ.get(name) for name in replaced}
                self._variables = variables
                _set({name: variables.get(name) for name in replaced})
            self._holders += 1
        try:
            yield
        finally:
            with self._changed:
                self._holders -= 1
                if self._holders == 0:
                    _set(self._before)
                    self._changed.notify_all()


_OS_ENVIRONMENT: Final = _OsEnvironment()


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def environment_variables(function: DeployedFunction) -> dict[str, str]:
    """Gives what a function finds in its environment: the template's variables, and those that Lambda adds."""
    return {
        **function.environment,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_FUNCTION_VERSION": _VERSION,
        "AWS_LAMBDA_LOG_GROUP_NAME": function.log_group,
        "LAMBDA_TASK_ROOT": str(function.source),
        "_HANDLER": function.handler,
    }


def inside(function: DeployedFunction) -> AbstractContextManager[None]:
    """The process as the function finds it, for code that asks `os.environ` where AWS is. Functions wait meanwhile."""
    return _OS_ENVIRONMENT.holding(environment_variables(function))


def _failure(error_type: str, message: str, error: BaseException) -> FunctionError:
    return FunctionError(error_type, message, traceback.format_tb(error.__traceback__))
