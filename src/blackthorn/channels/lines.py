"""Lines of a person's code, which messages name."""

import sys
import traceback
from pathlib import Path
from types import FrameType

import torch

_APART = (str(Path(torch.__file__).parent), str(Path(__file__).parents[1]), "<")


def line_of_caller() -> str:
    """The line that is running, of the code that is neither torch's nor ours."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if not frame.f_code.co_filename.startswith(_APART):
            summary = traceback.FrameSummary(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)
            return _named(summary)
        frame = frame.f_back
    return ""


def line_of_error(error: BaseException) -> str:
    """The line that failed, of the code that is neither torch's nor ours."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith(_APART):
            return _named(frame)
    return ""


def _named(frame: traceback.FrameSummary) -> str:
    return f", {Path(frame.filename).name} line {frame.lineno}: {frame.line}"
