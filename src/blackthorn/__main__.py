"""The command `blackthorn`, also `python -m blackthorn`: it hears Ctrl-C before it loads anything slow."""

import os
import sys
from contextlib import suppress

from .stopping import stoppable


def main() -> None:
    """Run the command on the command line; a signal, or an output that takes no more, ends it without a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # for terminals that know ASCII only
    with stoppable() as asked:
        try:
            from . import cli

            cli.main()
        except BaseException as problem:
            # An interrupted import may raise anything. What SystemExit says counts: the command had ended already.
            if asked.code is not None and not isinstance(problem, SystemExit):
                # A rank that a command has started leaves the word to that command.
                launched = "BLACKTHORN_LAUNCHED" in os.environ
                _end(asked.code, "" if launched else "stopped; run the same command again to go on")
            if isinstance(problem, BrokenPipeError):  # `blackthorn list | head`
                _end(1)
            if isinstance(problem, OSError) and problem.filename is None:
                _end(2, f"the output cannot be written ({problem.strerror or problem})")
            raise


def _end(code: int, text: str = "") -> None:
    """Say why, if that can be said, and end."""
    with suppress(OSError, AttributeError):
        if text:
            print(f"blackthorn: {text}", file=sys.stderr, flush=True)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, AttributeError, ValueError):  # Python would say so in lines of its own when it ends
            with suppress(OSError, AttributeError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(code)


if __name__ == "__main__":
    sys.argv[0] = "blackthorn"
    main()
