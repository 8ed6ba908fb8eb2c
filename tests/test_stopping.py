"""A signal ends a command without a word of Python's own, wherever it arrives."""

import signal
import subprocess
import sys

SWALLOWED = """
import os, signal, time, weakref
from blackthorn.stopping import Stopped, stoppable

class Thing:
    pass

signal.signal(signal.SIGINT, signal.default_int_handler)  # what a background job of a shell would ignore
thing = Thing()
watched = weakref.ref(thing, lambda gone: os.kill(os.getpid(), signal.SIGINT))
with stoppable() as asked:
    try:
        del thing  # the exception is raised in the callback, which Python ignores
        time.sleep(20)
    except Stopped:
        print(asked.code)
"""


def test_an_exception_that_a_callback_swallows_is_not_told_and_comes_again() -> None:
    ended = subprocess.run([sys.executable, "-c", SWALLOWED], capture_output=True, text=True, timeout=30)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, f"{128 + signal.SIGINT}\n", "")
