"""Ship a network: as a file that someone else can load, and in the form that runs as fast as its zeros allow."""

from .bundle import Bundle as Bundle
from .bundle import load as load
from .bundle import save as save
from .hub import push as push
from .sparse import InBfloat16 as InBfloat16
from .sparse import Pick as Pick
from .sparse import Sparsified as Sparsified
from .sparse import sparsify as sparsify
from .sparse_layer import SparseLayer as SparseLayer
from .unroll import decouple as decouple
from .unroll import unroll as unroll
from .unroll import without_zeros as without_zeros

__all__ = [
    "Bundle",
    "InBfloat16",
    "Pick",
    "SparseLayer",
    "Sparsified",
    "decouple",
    "load",
    "push",
    "save",
    "sparsify",
    "unroll",
    "without_zeros",
]
