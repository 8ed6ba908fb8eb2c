"""The products of a sparse matrix and a batch, compiled for the processor at hand when they are first needed.

The code (`kernel_code.py`) is LLVM's, and llvmlite, the extra `sparse`, compiles it: some tenths of a second, nothing
written to disk, no compiler on the user's machine.

Reference: docs/decisions/0011-a-sparse-kernel.md, with what else was measured.
"""

import ctypes
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

WIDTHS = (32, 16, 8, 4, 1)
"""Images of a block, the numbers of images for which code is compiled."""
_FLOOR = (0, 45)  # the first whose pointers have no types
_ADDRESS, _SIZE = ctypes.c_void_p, ctypes.c_int64
_MATRIX = (_SIZE,) * 6 + (_ADDRESS,) * 3  # sizes in and out, panels and their width; rows, columns, weights


@cache
def available() -> bool:
    """Whether llvmlite is installed, in a version that can read our code; older ones come with older numbas."""
    if find_spec("llvmlite") is None:
        return False
    major, minor = (int(part) for part in version("llvmlite").split(".")[:2])
    return (major, minor) >= _FLOOR


class Kernel:
    """The products of some images: addresses and sizes in, nothing out, and the interpreter is free.

    `start` and `stop` are positions of the output, so that threads can share images. The last two are scratch memory:
    a block of the inputs of a panel, and the outputs of all blocks.
    """

    def __init__(self, width: int, engine: Any) -> None:
        self.width = width
        self._engine = engine  # owns the code

        def function(name: str, *arguments: Any) -> Callable[..., None]:
            made: Callable[..., None] = ctypes.CFUNCTYPE(None, *arguments)(engine.get_function_address(name))
            return made

        images, end = (_ADDRESS, _ADDRESS, _SIZE), (_SIZE, _SIZE, _ADDRESS, _ADDRESS)
        self.forward = function("forward", *images, *_MATRIX, _ADDRESS, *end)
        """x, y, images, matrix, bias of each row, start, stop: y = W x + bias."""
        self.to_input = function("to_input", *images, *_MATRIX, *end)
        """Gradient of x, gradient of y, images, matrix, start, stop: the first from the second."""
        self.to_weight = function("to_weight", *images, *_MATRIX, _ADDRESS, *end)
        """x, gradient of y, images, matrix, gradient of the weights (added to), start, stop."""


@cache
def kernel(width: int) -> Kernel:
    """The kernel for blocks of `width` images, compiled once in a process."""
    import llvmlite.binding as llvm

    from .kernel_code import assembly

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3
    )
    module = llvm.parse_assembly(assembly(width))
    module.verify()
    passes = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=2))
    passes.getModulePassManager().run(module, passes)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return Kernel(width, engine)
