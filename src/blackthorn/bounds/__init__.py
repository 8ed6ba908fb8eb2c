"""Sound lower bounds of robust accuracy: what is proved for every image of a ball, where attacks only search."""

from .certify import Certificate as Certificate
from .certify import certify as certify
from .crown import crown as crown
from .interval import interval as interval

__all__ = ["Certificate", "certify", "crown", "interval"]
