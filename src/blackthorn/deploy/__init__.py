"""Ship a network: as files that someone else can load or run, and in the form that runs as fast as its zeros allow."""

from ..models.onnx_network import OnnxNetwork as OnnxNetwork
from .bundle import Bundle as Bundle
from .bundle import load as load
from .bundle import save as save
from .exporting import Exported as Exported
from .exporting import ExportedFile as ExportedFile
from .exporting import export as export
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
    "Exported",
    "ExportedFile",
    "InBfloat16",
    "OnnxNetwork",
    "Pick",
    "SparseLayer",
    "Sparsified",
    "decouple",
    "export",
    "load",
    "save",
    "sparsify",
    "unroll",
    "without_zeros",
]
