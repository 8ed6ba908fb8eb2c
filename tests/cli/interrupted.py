"""Run as a program: `blackthorn` commands that are killed at chosen instants.

    python interrupted.py '{"instants": [5, 17, 0], "argv": ["run", "r.yaml"], "store": "store"}'

An instant counts what happens to files of the store: opened, made, renamed, removed. At that instant the command gets
a signal 9, before the thing happens; at instant 0 it is left alone. Each attempt is a fork of this process, so that
torch is loaded once. Prints the exit codes as a JSON list; -9 stands for killed.
"""

import json
import os
import signal
import sys

import torch

import blackthorn.cli.commands as _loaded  # noqa: F401  # before the forks, which then start at once
from blackthorn.__main__ import main

_EVENTS = {"open", "os.rename", "os.mkdir", "os.remove", "os.listdir", "os.scandir"}


def _attempt(argv: list[str], store: str, instant: int) -> int:
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    count = 0

    def hook(event: str, about: tuple[object, ...]) -> None:
        nonlocal count
        if event in _EVENTS and about and store in str(about[0]):
            count += 1
            if count == instant:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    sys.argv = ["blackthorn", *argv]
    try:
        main()
    except SystemExit as ended:
        os._exit(int(ended.code or 0))
    os._exit(70)


if __name__ == "__main__":
    torch.set_num_threads(1)
    asked = json.loads(sys.argv[1])
    print(json.dumps([_attempt(asked["argv"], asked["store"], instant) for instant in asked["instants"]]))
