"""The channels of any network, followed by running it once: what makes, reads and couples them."""

from .groups import ChannelGroup as ChannelGroup
from .groups import channel_groups as channel_groups
from .penultimate import penultimate as penultimate
from .resize import replace_ as replace_
from .resize import resize_ as resize_
from .taps import Tap as Tap
from .taps import captured as captured
from .taps import find_taps as find_taps
from .taps import tapped as tapped
from .trace import Trace as Trace
from .trace import trace as trace

__all__ = [
    "ChannelGroup",
    "Tap",
    "Trace",
    "captured",
    "channel_groups",
    "find_taps",
    "penultimate",
    "replace_",
    "resize_",
    "tapped",
    "trace",
]
