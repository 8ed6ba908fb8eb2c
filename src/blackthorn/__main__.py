"""The command `blackthorn`, also `python -m blackthorn`: it hears Ctrl-C before it loads anything slow."""

import os
import sys
from contextlib import suppress

from .files import one_line
from .stopping import Stopped, stoppable


def main() -> None:
    """Run the command on the command line; a signal, or a stream that takes no more, ends it without a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a terminal that knows ASCII only
    try:
        with stoppable():
            from . import cli

            cli.main()
    except KeyboardInterrupt as problem:
        _last_words("stopped; run the same command again to go on")
        sys.exit(problem.code if isinstance(problem, Stopped) else 130)
    except BrokenPipeError:  # `blackthorn list | head`
        _hush()
        sys.exit(1)
    except OSError as problem:
        if problem.filename is not None:
            raise
        _last_words(f"the output cannot be written ({problem.strerror or one_line(problem)})")
        sys.exit(2)


def _last_words(text: str) -> None:
    with suppress(OSError, AttributeError):
        print(f"blackthorn: {text}", file=sys.stderr, flush=True)
    _hush()


def _hush() -> None:
    """Let nothing more be written where nothing can be: Python would say so in lines of its own when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, AttributeError, ValueError):
            with suppress(OSError, AttributeError, ValueError):
                os.dup2(nowhere, stream.fileno())


if __name__ == "__main__":
    sys.argv[0] = "blackthorn"
    main()
