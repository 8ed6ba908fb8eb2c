"""A network that ONNX Runtime computes, as a module: it is measured, attacked and timed as every other network."""

from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..files import one_line


class OnnxNetwork(nn.Module):
    """An ONNX file that maps images to logits, run by ONNX Runtime on the CPU, in as many threads as torch uses.

    It has no gradients and no parameters: attacks that follow gradients find none, which is an alarm, and Square or
    images made on another network do the work. The file is kept as a buffer, so copies and `state_dict` hold it.

    Denormal numbers are taken for zero, as `latency` does with torch. Between calls no thread of it stays busy, so that
    networks can take turns.

    Args:
        file: its content, or where it lies: one input, images float32 (batch, channels, height, width) in [0, 1], and
            one output, logits (batch, classes).
    Raises:
        ModelError: ONNX Runtime is not installed, or the file is not such a network.
    """

    file: Tensor

    def __init__(self, file: bytes | str | PathLike[str]) -> None:
        super().__init__()
        content = file if isinstance(file, bytes) else _content(Path(file))
        self.register_buffer("file", torch.frombuffer(bytearray(content), dtype=torch.uint8))
        self._sessions: dict[tuple[int, int], Any] = {}
        self._session()

    def forward(self, x: Tensor) -> Tensor:
        """Logits, without gradients, of images (batch, channels, height, width)."""
        session = self._session()
        images = x.detach().to("cpu", torch.float32).contiguous().numpy()
        try:
            (logits,) = session.run(None, {session.get_inputs()[0].name: images})
        except Exception as error:  # onnxruntime's own classes, which have no common parent but this
            raise ModelError(f"ONNX Runtime refuses images of shape {tuple(x.shape)}: {one_line(error)}") from None
        return torch.from_numpy(logits).to(x.device)

    def __getstate__(self) -> dict[str, Any]:
        """A copy begins without sessions, which cannot be copied."""
        return {**self.__dict__, "_sessions": {}}

    def _session(self) -> Any:
        """What runs the file in as many threads as torch has now."""
        threads = torch.get_num_threads()
        wanted = (threads, self.file.data_ptr())
        if wanted not in self._sessions:
            require()
            import onnxruntime

            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
            options.log_severity_level = 3  # errors
            options.add_session_config_entry("session.set_denormal_as_zero", "1")
            options.add_session_config_entry("session.force_spinning_stop", "1")
            try:
                made = onnxruntime.InferenceSession(
                    self.file.cpu().numpy().tobytes(), options, providers=["CPUExecutionProvider"]
                )
            except Exception as error:
                raise ModelError(f"ONNX Runtime cannot read the network: {one_line(error)}") from None
            if (len(made.get_inputs()), len(made.get_outputs())) != (1, 1):
                raise ModelError("an ONNX network with one input, images, and one output, logits, is wanted")
            self._sessions = {wanted: made}
        return self._sessions[wanted]

    def _load_from_state_dict(self, state: dict[str, Tensor], prefix: str, *more: Any) -> None:
        """Another file, of another length, takes the place of this one."""
        if f"{prefix}file" in state:
            self.file, self._sessions = state[f"{prefix}file"].clone(), {}
        super()._load_from_state_dict(state, prefix, *more)


def available() -> bool:
    """Whether everything that exports to ONNX and runs it is installed."""
    return all(find_spec(name) is not None for name in ("onnx", "onnxscript", "onnxruntime"))


def require() -> None:
    """Refuse to go on without ONNX Runtime and what exports to it.

    Raises:
        ModelError: says what to install.
    """
    if not available():
        raise ModelError("ONNX needs onnx, onnxscript and onnxruntime: pip install 'blackthorn[export]'")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        raise ModelError(f"{path}: cannot be read ({problem.strerror or problem})") from None
