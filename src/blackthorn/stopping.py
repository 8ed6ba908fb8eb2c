"""Signals that ask a command to end: Ctrl-C, and those of clusters, containers and terminals that are closed.

Little is imported here, since it must be ready before anything slow is loaded.
"""

import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
_AGAIN = 0.5  # seconds until a command that was asked to end, and goes on, is asked again


class Stopped(KeyboardInterrupt):
    """A signal asked the command to end."""


class Asked:
    """Whether a signal has asked the command to end."""

    code: int | None = None
    """The exit code then: 128 and the number of the signal, as shells have it."""


@contextmanager
def stoppable() -> Iterator[Asked]:
    """Treat every such signal as Ctrl-C. After the first one the command is ending, and more of them change nothing.

    Foreign code may swallow the exception, as some do while they are imported. It is then raised again, until the
    command ends. What is ignored already stays so: that is how `nohup` lets a command outlive its terminal.
    """
    asked = Asked()
    if threading.current_thread() is not threading.main_thread():  # only that one may say what signals do
        yield asked
        return
    alarm = getattr(signal, "SIGALRM", None)

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        if asked.code is None:
            asked.code = 128 + number
            if alarm is not None:
                signal.setitimer(signal.ITIMER_REAL, _AGAIN, _AGAIN)
        elif number != alarm or came_of_a_signal(sys.exc_info()[1]):
            return
        raise Stopped

    def unraisable(problem: "sys.UnraisableHookArgs") -> None:
        if not isinstance(problem.exc_value, Stopped):  # which comes again where a callback of Python swallows it
            told(problem)

    told, sys.unraisablehook = sys.unraisablehook, unraisable
    heard = [one for one in _SIGNALS if signal.getsignal(one) is not signal.SIG_IGN]
    before = {one: signal.signal(one, stop) for one in (*heard, *([] if alarm is None else [alarm]))}
    try:
        yield asked
    finally:
        if alarm is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if asked.code is None:  # else it ends now, and further signals change nothing
            _restore(before)
            sys.unraisablehook = told


def came_of_a_signal(problem: BaseException | None) -> bool:
    """Whether an error is Ctrl-C or was raised while it was handled: torch and others make their own errors of it."""
    while problem is not None and not isinstance(problem, KeyboardInterrupt):
        problem = problem.__context__
    return problem is not None


def _restore(before: Mapping[Any, Any]) -> None:
    for one, handler in before.items():
        signal.signal(one, handler if handler is not None else signal.SIG_DFL)
