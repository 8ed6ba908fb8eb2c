"""Sees every torch call while a network runs, and hands it to the rule of its name.

Functions and methods are seen alike, by a torch function mode, so that no module type matters. An operation without a
rule pins its channels.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from .extent import counted
from .graph import INPUT, ChannelGraph, InParts, varies
from .rules.call import Call, name_of
from .rules.table import RULES

_HARMLESS = {
    *("size", "dim", "ndimension", "numel", "nelement", "stride", "storage_offset", "element_size", "type"),
    *("get_device", "is_floating_point", "is_complex", "is_contiguous", "is_same_size"),
    *("len", "hash", "repr", "format"),
}  # what reads a tensor's form and not its values


class Tracer(TorchFunctionMode):
    """Within this context, rules note in the graph what every torch call does to channels."""

    def __init__(self, graph: ChannelGraph, images: Tensor) -> None:
        super().__init__()
        self._graph = graph
        self._unseen = _Unseen(self._meets_unseen)
        if graph.images is None:  # the channels of the images are given; no one can remove them
            graph.images = graph.fresh(images.shape[1], INPUT)
        graph.put(images, 1, graph.images, varies(graph.images))

    def __enter__(self) -> "Tracer":
        self._unseen.__enter__()  # type: ignore[no-untyped-call]
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        self._unseen.__exit__(*error)  # type: ignore[no-untyped-call]

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        options = dict(kwargs or {})
        with self._unseen.known():
            call = Call(func, args, options, func(*args, **options))
            self._note(call)
        flow = self._graph.spread(call.args[0]) if call.args else None
        if flow is None or not isinstance(call.result, (int, torch.Size)):
            return call.result
        sizes = counted(call.args[0].shape, flow.axes, flow.ids)
        if isinstance(call.result, torch.Size):
            return sizes if call.result == sizes else call.result
        return sizes[call.args[1]] if call.name == "size" and len(call.args) > 1 else call.result

    def _note(self, call: Call) -> None:
        options = call.options
        given = list(tensors_in((call.args, options)))
        for tensor in given:
            if (name := self._graph.names.get(id(tensor))) is not None:
                self._graph.called.append(name)
        if options.get("out") is not None or not self._follows(call):
            self._give_up(call, given)

    def _follows(self, call: Call) -> bool:
        rule = RULES.get(call.name)
        try:
            return rule is not None and rule(self._graph, call)
        except (InParts, ArithmeticError, LookupError, RuntimeError, TypeError, ValueError):
            return False  # a call in a form that the rule does not know

    def _meets_unseen(self, name: str, given: Iterator[Tensor]) -> None:
        """An operation ran that no torch function stands for: what it reads cannot be followed."""
        reason = f"reaches '{name}' where calls are not seen, as in torch.jit.script and vmap"
        for tensor in given:
            self._pin(tensor, reason)

    def _pin(self, tensor: Tensor, reason: str) -> None:
        graph = self._graph
        if (flow := graph.spread(tensor)) is not None:
            graph.pin(flow.ids, reason)
        if (name := graph.named(tensor)) is not None:
            graph.stuck.setdefault(name, reason)

    def _give_up(self, call: Call, given: list[Tensor]) -> None:
        reads_form = call.name == "__get__" and not any(True for _ in tensors_in(call.result))
        if call.name in _HARMLESS or reads_form:
            return
        for tensor in given:
            self._pin(tensor, f"reaches '{call.name}', through which channels cannot be followed")
        for tensor in tensors_in(call.result):
            self._graph.lose(tensor)


class Path(TorchFunctionMode):
    """Within this context, `steps` fills with the name of every torch call, and of the parameters it is given."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self._names = {id(tensor): name for name, tensor in model.named_parameters()}
        self.steps: list[tuple[str, ...]] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        name = name_of(func)
        if name not in _HARMLESS and any(True for _ in tensors_in(result)):
            given = tensors_in((args, kwargs or {}))
            self.steps.append((name, *(self._names[id(one)] for one in given if id(one) in self._names)))
        return result


class _Unseen(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Below torch functions every operation passes here: those that no torch function called are reported."""

    def __init__(self, report: Callable[[str, Iterator[Tensor]], None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._report = report
        self._known = 0

    @contextmanager
    def known(self) -> Iterator[None]:
        """Within: operations belong to a torch function that is seen."""
        self._known += 1
        try:
            yield
        finally:
            self._known -= 1

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if not self._known:
            self._report(str(func).removeprefix("aten.").partition(".")[0], tensors_in((args, kwargs or {})))
        return func(*args, **(kwargs or {}))


def tensors_in(thing: object) -> Iterator[Tensor]:
    """Every tensor in nested lists, tuples and dicts."""
    if isinstance(thing, Tensor):
        yield thing
    elif isinstance(thing, dict):
        for held in thing.values():
            yield from tensors_in(held)
    elif isinstance(thing, (list, tuple)) and not isinstance(thing, torch.Size):
        for held in thing:
            yield from tensors_in(held)
