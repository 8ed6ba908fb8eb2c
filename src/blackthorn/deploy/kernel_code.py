"""The code of the sparse kernel, for blocks of a given number of images.

Sparse times batch is: entry by entry, one number times the values that one input has in all images. That is fast
where these lie side by side and near. So a block of `width` images is transposed as it is read, in squares that fit
the registers; each entry is then one multiply-add per vector register; the sums of an output stay in registers until
its entries are through; and a matrix with many columns is cut into panels, so that what the entries of a panel read
stays in the second-level cache.

A panel is done for all blocks before the next, since its entries are larger than what they read.

Images count positions fastest, (groups, length), as torch's do. Rows and columns of the matrix, and the blocks, count
groups fastest, as the entries of an unrolled convolution are near each other then. A linear layer has one group.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

_SUMMED = 64  # floats added to at once: enough sums that do not wait for each other to hide an addition's latency
_REGISTER = 16  # floats of the largest vector register there is: the side of the squares that are transposed


def assembly(width: int) -> str:
    """Functions `forward`, `to_input` and `to_weight` (see `Kernel`) as LLVM's language, for `width` images a block."""
    return str(_Code(width).module)


class _Code:
    """One module; every method that writes a function returns it."""

    def __init__(self, width: int) -> None:
        from llvmlite import ir

        self.ir, self.module, self.width = ir, ir.Module(f"sparse{width}"), width
        self.size, self.index, self.float = ir.IntType(64), ir.IntType(32), ir.FloatType()
        self.vector = ir.VectorType(self.float, width)
        self.align = 4 * min(width, _REGISTER)
        self.pack, self.unpack = self.move("pack"), self.move("unpack")
        self.forward(self.rows("forward_rows", self.sum_up))
        self.to_input(self.rows("to_input_rows", self.hand_back))
        self.to_weight(self.rows("to_weight_rows", self.correlate))

    # Blocks of images, over the panels of the matrix

    def forward(self, rows_of: Any) -> None:
        """The outputs begin as the bias; every panel adds to those of every block."""
        names = "X Y n length groups out out_groups panels panel ROWS COLUMNS WEIGHTS BIAS start stop IN OUT"
        with self.function("forward", names) as (f, a):
            first, last = self.shared_rows(f, a)
            with self.blocks(f, a) as block, self.loop(f, first, last) as row:
                bias = self.spread(f, self.read(f, a["BIAS"], row, self.float))
                self.write(f, bias, block["OUT"], f.sub(row, first))
            with self.panels(f, a) as (rows, start, stop), self.blocks(f, a) as block:
                f.call(self.pack, [block["X"], a["IN"], block["n"], a["groups"], a["length"], start, stop])
                structure = [rows, a["COLUMNS"], a["WEIGHTS"], a["WEIGHTS"]]
                f.call(rows_of, [*structure, a["IN"], block["OUT"], f.mul(start, a["groups"]), first, last])
            with self.blocks(f, a) as block:
                place = [a["out_groups"], a["out"], a["start"], a["stop"]]
                f.call(self.unpack, [block["Y"], block["OUT"], block["n"], *place])

    def to_input(self, rows_of: Any) -> None:
        names = "X Y n length groups out out_groups panels panel ROWS COLUMNS WEIGHTS start stop IN OUT"
        with self.function("to_input", names) as (f, a):
            first, last = self.shared_rows(f, a)
            self.pack_outputs(f, a)
            with self.panels(f, a) as (rows, start, stop), self.blocks(f, a) as block:
                with self.loop(f, self.size(0), f.mul(f.sub(stop, start), a["groups"])) as column:
                    self.write(f, self.zeros(), a["IN"], column)
                structure = [rows, a["COLUMNS"], a["WEIGHTS"], a["WEIGHTS"]]
                f.call(rows_of, [*structure, a["IN"], block["OUT"], f.mul(start, a["groups"]), first, last])
                f.call(self.unpack, [block["X"], a["IN"], block["n"], a["groups"], a["length"], start, stop])

    def to_weight(self, rows_of: Any) -> None:
        names = "X Y n length groups out out_groups panels panel ROWS COLUMNS WEIGHTS GRADIENT start stop IN OUT"
        with self.function("to_weight", names) as (f, a):
            first, last = self.shared_rows(f, a)
            self.pack_outputs(f, a)
            with self.panels(f, a) as (rows, start, stop), self.blocks(f, a) as block:
                f.call(self.pack, [block["X"], a["IN"], block["n"], a["groups"], a["length"], start, stop])
                structure = [rows, a["COLUMNS"], a["WEIGHTS"], a["GRADIENT"]]
                f.call(rows_of, [*structure, a["IN"], block["OUT"], f.mul(start, a["groups"]), first, last])

    def shared_rows(self, f: Any, a: dict[str, Any]) -> tuple[Any, Any]:
        """The first row of the positions that this call computes, and the one after the last."""
        return f.mul(a["start"], a["out_groups"]), f.mul(a["stop"], a["out_groups"])

    def pack_outputs(self, f: Any, a: dict[str, Any]) -> None:
        with self.blocks(f, a) as block:
            place = [a["out_groups"], a["out"], a["start"], a["stop"]]
            f.call(self.pack, [block["Y"], block["OUT"], block["n"], *place])

    @contextmanager
    def blocks(self, f: Any, a: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """For each block: its images and outputs, how many images are left, and its part of OUT."""
        rows = f.mul(f.sub(a["stop"], a["start"]), a["out_groups"])
        with self.loop(f, self.size(0), a["n"], self.width) as first:
            block = {"n": f.sub(a["n"], first)}
            block["X"] = self.place(f, a["X"], f.mul(first, f.mul(a["length"], a["groups"])), self.float)
            block["Y"] = self.place(f, a["Y"], f.mul(first, f.mul(a["out"], a["out_groups"])), self.float)
            block["OUT"] = self.place(f, a["OUT"], f.mul(first, rows), self.float)
            yield block

    @contextmanager
    def panels(self, f: Any, a: dict[str, Any]) -> Iterator[tuple[Any, Any, Any]]:
        """For each panel: its row pointers, and the positions of the input where it starts and stops."""
        pointers = f.add(f.mul(a["out"], a["out_groups"]), self.size(1))
        with self.loop(f, self.size(0), a["panels"]) as panel:
            start = f.mul(panel, a["panel"])
            end = f.add(start, a["panel"])
            stop = f.select(f.icmp_signed("<", end, a["length"]), end, a["length"])
            yield self.place(f, a["ROWS"], f.mul(panel, pointers), self.index), start, stop

    # The rows of a panel

    def rows(self, name: str, product: Any) -> Any:
        """Rows `first` to `last`, whose block OUT starts at `first`; the block IN starts at column `origin`."""
        names = "ROWS COLUMNS WEIGHTS GRADIENT IN OUT origin first last"
        with self.function(name, names, internal=True) as (f, a), self.loop(f, a["first"], a["last"]) as row:
            pointers = (row, f.add(row, self.size(1)))
            start, stop = (f.sext(self.read(f, a["ROWS"], at, self.index), self.size) for at in pointers)
            product(f, a, f.sub(row, a["first"]), start, stop)
        return f.function

    def sum_up(self, f: Any, a: dict[str, Any], row: Any, start: Any, stop: Any) -> None:
        """Add weight times input to the output, over the entries, with several sums under way."""
        sums = [self.variable(f) for _ in range(max(1, min(8, _SUMMED // self.width)))]
        f.store(self.read(f, a["OUT"], row, self.vector, self.align), sums[0])
        for other in sums[1:]:
            f.store(self.zeros(), other)
        rest = f.sub(stop, f.srem(f.sub(stop, start), self.size(len(sums))))
        for begin, end, together in ((start, rest, sums), (rest, stop, sums[:1])):
            with self.loop(f, begin, end, len(together)) as k:
                for i, held in enumerate(together):
                    inputs, weight = self.entry(f, a, f.add(k, self.size(i)))
                    added = f.fmul(f.load(inputs, align=self.align, typ=self.vector), weight, flags=("contract",))
                    f.store(f.fadd(f.load(held, typ=self.vector), added, flags=("contract",)), held)
        total = f.load(sums[0], typ=self.vector)
        for other in sums[1:]:
            total = f.fadd(total, f.load(other, typ=self.vector))
        self.write(f, total, a["OUT"], row)

    def hand_back(self, f: Any, a: dict[str, Any], row: Any, start: Any, stop: Any) -> None:
        """Add weight times the gradient of the output to the gradient of each input."""
        gradient = self.read(f, a["OUT"], row, self.vector, self.align)
        with self.loop(f, start, stop) as k:
            inputs, weight = self.entry(f, a, k)
            added = f.fmul(gradient, weight, flags=("contract",))
            before = f.load(inputs, align=self.align, typ=self.vector)
            f.store(f.fadd(before, added, flags=("contract",)), inputs, align=self.align)

    def correlate(self, f: Any, a: dict[str, Any], row: Any, start: Any, stop: Any) -> None:
        """Add input times the gradient of the output, summed over the images, to the gradient of each weight."""
        gradient = self.read(f, a["OUT"], row, self.vector, self.align)
        with self.loop(f, start, stop) as k:
            inputs, _ = self.entry(f, a, k)
            products = f.fmul(f.load(inputs, align=self.align, typ=self.vector), gradient)
            own = self.place(f, a["GRADIENT"], k, self.float)
            f.store(f.fadd(f.load(own, typ=self.float), self.lanes_summed(f, products)), own)

    def entry(self, f: Any, a: dict[str, Any], k: Any) -> tuple[Any, Any]:
        """Where the input of entry `k` lies in the block, and the entry's weight in every lane."""
        column = f.sub(f.sext(self.read(f, a["COLUMNS"], k, self.index), self.size), a["origin"])
        weight = self.spread(f, self.read(f, a["WEIGHTS"], k, self.float))
        return self.place(f, a["IN"], column, self.vector), weight

    # Between images and blocks

    def move(self, name: str) -> Any:
        """Positions `start` to `stop` of images (n, groups, length) <-> a block (position, group, width).

        Lanes beyond the last image are zero, and are not written back.
        """
        with self.function(name, "X BLOCK n groups length start stop", internal=True) as (f, a):
            side = min(self.width, _REGISTER)
            rest = f.sub(a["stop"], f.srem(f.sub(a["stop"], a["start"]), self.size(side)))
            with self.loop(f, self.size(0), a["groups"]) as group:
                for begin, end, positions in ((a["start"], rest, side), (rest, a["stop"], 1)):
                    images = self.loop(f, self.size(0), self.size(self.width), positions)
                    with images as first, self.loop(f, begin, end, positions) as position:
                        self.square(f, a, group, position, first, positions, packing=name == "pack")
        return f.function

    def square(
        self, f: Any, a: dict[str, Any], group: Any, position: Any, first: Any, side: int, *, packing: bool
    ) -> None:
        """Transpose `side` positions of `side` images, of which `first` is the first."""
        kind = self.ir.VectorType(self.float, side)
        image, value = f.mul(a["groups"], a["length"]), f.add(f.mul(group, a["length"]), position)
        there, images, rows = [], [], []
        for i in range(side):
            number = f.add(first, self.size(i))
            there.append(f.icmp_signed("<", number, a["n"]))
            number = f.select(there[-1], number, self.size(0))  # some image, so that the address is one
            images.append(self.place(f, a["X"], f.add(f.mul(number, image), value), self.float))
            row = f.add(f.mul(f.sub(f.add(position, self.size(i)), a["start"]), a["groups"]), group)
            rows.append(self.place(f, a["BLOCK"], f.add(f.mul(row, self.size(self.width)), first), self.float))
        if packing:
            nothing = self.ir.Constant(kind, [0.0] * side)
            held = [f.select(ok, f.load(at, align=4, typ=kind), nothing) for ok, at in zip(there, images)]
            for vector, at in zip(self.transposed(f, held), rows):
                f.store(vector, at, align=4 * side)
        else:
            held = [f.load(at, align=4 * side, typ=kind) for at in rows]
            for ok, vector, at in zip(there, self.transposed(f, held), images):
                with f.if_then(ok):
                    f.store(vector, at, align=4)

    def transposed(self, f: Any, rows: Sequence[Any]) -> Sequence[Any]:
        """A square of vectors: its halves interleaved, as often as its side can be halved."""
        side = len(rows)
        orders = [self.lanes([(at + i) // 2 + side * (i % 2) for i in range(side)]) for at in (0, side)]
        for _ in range(side.bit_length() - 1):
            pairs = zip(rows[: side // 2], rows[side // 2 :])
            rows = [f.shuffle_vector(one, other, order) for one, other in pairs for order in orders]
        return rows

    # Words of the language

    @contextmanager
    def function(self, name: str, arguments: str, *, internal: bool = False) -> Iterator[tuple[Any, dict[str, Any]]]:
        """Its builder, and its arguments by name: addresses in capitals, sizes in small letters."""
        names = arguments.split()
        kinds = [self.ir.PointerType() if one.isupper() else self.size for one in names]
        function = self.ir.Function(self.module, self.ir.FunctionType(self.ir.VoidType(), kinds), name)
        function.linkage = "internal" if internal else ""
        f = self.ir.IRBuilder(function.append_basic_block())
        yield f, dict(zip(names, function.args))
        f.ret_void()

    @contextmanager
    def loop(self, f: Any, start: Any, stop: Any, step: int = 1) -> Iterator[Any]:
        before = f.block
        head, body, after = (f.append_basic_block() for _ in range(3))
        f.branch(head)
        f.position_at_end(head)
        counter = f.phi(self.size)
        counter.add_incoming(start, before)
        f.cbranch(f.icmp_signed("<", counter, stop), body, after)
        f.position_at_end(body)
        yield counter
        counter.add_incoming(f.add(counter, self.size(step)), f.block)
        f.branch(head)
        f.position_at_end(after)

    def variable(self, f: Any) -> Any:
        """A vector that changes; the optimiser puts it into registers."""
        with f.goto_entry_block():
            return f.alloca(self.vector)

    def place(self, f: Any, base: Any, number: Any, kind: Any) -> Any:
        return f.gep(base, [number], source_etype=kind)

    def read(self, f: Any, base: Any, number: Any, kind: Any, align: int = 4) -> Any:
        return f.load(self.place(f, base, number, kind), align=align, typ=kind)

    def write(self, f: Any, vector: Any, base: Any, number: Any) -> None:
        f.store(vector, self.place(f, base, number, self.vector), align=self.align)

    def zeros(self) -> Any:
        return self.ir.Constant(self.vector, [0.0] * self.width)

    def lanes(self, numbers: Sequence[int]) -> Any:
        return self.ir.Constant(self.ir.VectorType(self.index, len(numbers)), list(numbers))

    def spread(self, f: Any, number: Any) -> Any:
        empty = self.ir.Constant(self.vector, self.ir.Undefined)
        return f.shuffle_vector(f.insert_element(empty, number, self.index(0)), empty, self.lanes([0] * self.width))

    def lanes_summed(self, f: Any, vector: Any) -> Any:
        width = self.width
        while width > 1:
            width //= 2
            low, high = (self.lanes(range(at, at + width)) for at in (0, width))
            vector = f.fadd(f.shuffle_vector(vector, vector, low), f.shuffle_vector(vector, vector, high))
        return f.extract_element(vector, self.index(0))
