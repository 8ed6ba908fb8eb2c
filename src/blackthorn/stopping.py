"""Signals that ask a command to end: Ctrl-C, and those of clusters, containers and terminals that are closed."""

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Stopped(KeyboardInterrupt):
    """A signal asked the command to end; its exit code is 128 and the number of the signal, as shells have it."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.code = 128 + number


@contextmanager
def stoppable() -> Iterator[None]:
    """Treat every such signal as Ctrl-C. After the first one the command is ending, and more of them change nothing.

    What is ignored already stays so: that is how `nohup` lets a command outlive its terminal.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = [one for one in _SIGNALS if signal.getsignal(one) is not signal.SIG_IGN]

    ending = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal ending
        del frame
        if not ending:
            ending = True
            raise Stopped(number)

    before = {one: signal.signal(one, stop) for one in heard}
    try:
        yield
    except Stopped:
        raise  # the command ends now: further signals change nothing
    except BaseException:
        _restore(before)
        raise
    else:
        _restore(before)


def _restore(before: Mapping[Any, Any]) -> None:
    for one, handler in before.items():
        signal.signal(one, handler if handler is not None else signal.SIG_DFL)
