"""Loading: parse, check, plan, and only then build.

The one rule: a file is opened once, and the same descriptor or buffer serves every step.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from holdfast.artifact.shards import KEY, fill, load_index
from holdfast.artifact.source import Source, buffer_source, open_source
from holdfast.artifact.tensors import PartTensors
from holdfast.errors import Corrupt, FormatError, HoldfastError, LibraryMissing, LimitExceeded, ProofFailed, UnsupportedModel, quoted
from holdfast.frameworks.build import build
from holdfast.frameworks.devices import on_device
from holdfast.native.codec import decode_tree
from holdfast.native.container import Opened, PartPlaces, open_container
from holdfast.native.header import Header, header_length, read_header
from holdfast.trust.plan import make_plan
from holdfast.trust.policy import NOTHING_MORE, Policy
from holdfast.values import limits
from holdfast.values.digest import PREFIX
from holdfast.values.dtypes import NUMPY
from holdfast.values.graph import Graph, Node
from holdfast.values.manifest import artifact_id
from holdfast.values.paths import Paths, extract
from holdfast.values.pause import Paused


class Opening:
    """A file or buffer that has been opened and whose header, manifest and seal hold.

    Attributes:
        source: its bytes.
        header: the parsed header.
        opened: manifest and places of a native file; None for a plain safetensors file.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        try:
            start = bytes(source.view(0, min(source.size, 16))) if source.whole else bytes(source.private(0, min(source.size, 16)))
            length = header_length(start, source.size)
            raw = bytes(source.private(0, 8 + length))
            self.header: Header = read_header(raw[8:], source.size)
            data = self.header.data_start
            self.opened: Opened | None = None
            if self.header.native:
                self.opened = open_container(self.header, raw, lambda at, size: source.private(data + at, size))
        except HoldfastError as error:
            source.close()
            raise error.at(source.name) from None
        except BaseException:
            source.close()
            raise

    @classmethod
    def of_path(cls, path: str | os.PathLike[str], shown: str | None = None) -> Opening:
        """Open a file."""
        source = open_source(path)
        if shown is not None:
            source.name = shown
        return cls(source)

    def __enter__(self) -> Opening:
        return self

    def __exit__(self, *_: object) -> None:
        self.source.close()

    @property
    def id(self) -> str:
        """The artifact id; of a plain file, the digest of nothing."""
        return artifact_id(self.opened.manifest_bytes) if self.opened is not None else ""

    def tensors(self, places: PartPlaces, check_all: bool) -> PartTensors:
        """Return the tensors of a part."""
        return PartTensors(self.source, self.header.data_start, places.tensors, check_all)

    def graph(self, places: PartPlaces) -> Graph:
        """Return the checked graph of a part."""
        from blake3 import blake3

        place = places.tree
        if place.encoding:
            raise FormatError("the tree is stored compressed; only tensors may be")
        if place.nbytes > limits.TREE_BYTES:
            raise LimitExceeded(f"the tree takes {place.nbytes} bytes, more than the limit of {limits.TREE_BYTES} (TREE_BYTES)")
        raw = self.source.private(self.header.data_start + place.start, place.nbytes)
        if PREFIX + blake3(raw).hexdigest() != place.digest:
            raise Corrupt("the tree does not match its digest: the file is damaged or was altered")
        return Graph(decode_tree(raw), len(places.tensors), len(raw))

    def load(
        self,
        policy: Policy = NOTHING_MORE,
        part: str | None = None,
        digests: str = "needed",
        max_memory: int | None = None,
        device: Any = None,
    ) -> Any:
        """Return the model, or a part of it; see `holdfast.load`."""
        with Paused():
            if device is not None:
                with self._named(), on_device(device, self.tensor_bytes):
                    return self._whole(policy, part, digests, max_memory)
            return self._whole(policy, part, digests, max_memory)

    def _whole(self, policy: Policy, part: str | None, digests: str, max_memory: int | None) -> Any:
        model = self._load(policy, part, digests, max_memory)
        files = None if self.opened is None else self.opened.manifest.extra.get(KEY)
        if files is None:
            return model
        if part is not None:
            raise FormatError("a model in several files is loaded whole; load a part of one of the shards instead", file=self.source.name)
        return fill(model, files, self.source.name, lambda name, id_: _shard(name, id_, policy, digests))

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Put the name of the file into what is refused."""
        try:
            yield
        except HoldfastError as error:
            raise error.at(self.source.name) from None

    @property
    def tensor_bytes(self) -> int:
        """Bytes of all tensors that the model needs, once they are decoded."""
        if self.opened is None:
            return sum(entry.data_offsets[1] - entry.data_offsets[0] for entry in self.header.entries.values())
        return sum(place.raw_bytes for place in self.opened.content.tensors)

    def _load(self, policy: Policy, part: str | None, digests: str, max_memory: int | None) -> Any:
        try:
            if self.opened is None:
                return self._plain(part, max_memory)
            check_all = digests == "all" or self.source.whole
            places = self.opened.content
            graph = self.graph(places)
            if part is not None:
                node = Paths(graph).find(part)
                if type(node) is not Node:
                    return node
                tree, wanted = extract(graph, node)
                tensors: Any = _Picked(self.tensors(places, check_all), wanted, graph)
                graph = Graph(tree, len(wanted))
            else:
                tensors = self.tensors(places, check_all)
            _check_memory(tensors, max_memory, places.tree.nbytes)
            if check_all:
                self.check_padding()
                if self.opened.example is not None:
                    self.graph(self.opened.example)
                    self.tensors(self.opened.example, False).check_everything()
            return build(make_plan(graph, policy, tensors, self.source.name, self.source.call))
        except HoldfastError as error:
            raise error.at(self.source.name) from None
        except MemoryError:
            raise LimitExceeded(
                "there is not enough memory for this model; load a part of it, or use a larger machine", file=self.source.name
            ) from None
        except RecursionError:
            raise LimitExceeded("the model nests deeper than Python can follow", file=self.source.name) from None

    def example(self) -> dict[str, Any] | None:
        """Return the stored example, as inputs and outputs; or None.

        An example is plain data: nothing beyond the shipped lists is trusted for it.
        """
        if self.opened is None or self.opened.example is None:
            return None
        try:
            places = self.opened.example
            tensors = self.tensors(places, True)
            found = build(make_plan(self.graph(places), NOTHING_MORE, tensors, self.source.name))
        except HoldfastError as error:
            raise error.at(self.source.name) from None
        if type(found) is not dict or set(found) != {"inputs", "outputs"} or type(found["outputs"]) is not dict:
            raise FormatError("the stored example is not one", file=self.source.name)
        from holdfast.frameworks.asking import CALLS, METHODS

        if any(method not in (*METHODS, *CALLS) for method in found["outputs"]):
            raise FormatError("the stored example asks for a method that examples do not ask", file=self.source.name)
        return found

    def check_padding(self) -> None:
        """Refuse padding that is not zero."""
        if self.opened is not None:
            for begin, end in self.opened.pads:
                if any(self.source.private(self.header.data_start + begin, end - begin)):
                    raise Corrupt("the padding between tensors is not zero: the file is damaged or was altered", file=self.source.name)

    def check_digests(self, on_bytes: Callable[[int], None] | None = None) -> None:
        """Compare every digest in the file, those of tree and example included.

        Raises:
            Corrupt: names the first that does not match.
        """
        if self.opened is None:
            raise FormatError("a plain safetensors file has no digests to check; save it with holdfast first", file=self.source.name)
        try:
            self.check_padding()
            for places in (self.opened.content, self.opened.example):
                if places is not None:
                    self.graph(places)
                    self.tensors(places, False).check_everything(on_bytes)
        except HoldfastError as error:
            raise error.at(self.source.name) from None

    def _plain(self, part: str | None, max_memory: int | None) -> Any:
        entries = self.header.entries
        if part is not None:
            if part not in entries:
                raise FormatError(
                    f"there is no tensor {quoted(part)!r}; there are {', '.join(quoted(name, 40) for name in list(entries)[:12])}"
                )
            return self._plain_tensor(part)
        if max_memory is not None and sum(e.data_offsets[1] - e.data_offsets[0] for e in entries.values()) > max_memory:
            raise LimitExceeded(f"the tensors take more than max_memory={max_memory} bytes")
        return {name: self._plain_tensor(name) for name in entries}

    def _plain_tensor(self, name: str) -> np.ndarray[Any, Any]:
        entry = self.header.entries[name]
        begin, end = entry.data_offsets
        if entry.dtype in NUMPY:
            dtype = np.dtype(NUMPY[entry.dtype])
        else:
            dtype = _extended(entry.dtype, name)
        if begin == end:
            try:
                return np.zeros(entry.shape, dtype)
            except ValueError as error:
                raise FormatError(f"tensor {quoted(name)!r} has a shape that no array can have: {quoted(error)}") from None
        view = self.source.view(self.header.data_start + begin, end - begin)
        array = np.frombuffer(view, np.uint8)
        if (int(array.__array_interface__["data"][0])) % max(1, dtype.itemsize):
            array = array.copy()
        return array.view(dtype).reshape(entry.shape)


class _Picked:
    """The tensors of a part alone, out of those of the whole. Pooled rows are cut out of their pool."""

    def __init__(self, tensors: PartTensors, wanted: list[Any], graph: Graph) -> None:
        self.tensors = tensors
        self.wanted = wanted
        self.graph = graph
        self.cut: dict[int, Any] = {}

    @property
    def places(self) -> list[Any]:
        return [self.tensors.places[one[0] if type(one) is tuple else one] for one in self.wanted]

    def _slice(self, tensor: int) -> Any:
        found = self.cut.get(tensor)
        if found is None:
            from holdfast.values.dtypes import parse_dtype
            from holdfast.values.graph import elements

            source, index, rows = self.wanted[tensor]
            table: Any = self.graph.tables[index]
            size = parse_dtype(table.dtype).itemsize
            starts = [0]
            for count in elements(table, table.rows):
                starts.append(starts[-1] + count * size)
            pool = self.tensors.private(source)
            if len(pool) != starts[-1]:
                raise Corrupt("a pool of arrays does not hold what its shapes need")
            # small arrays are copied, so that a part does not keep the whole file mapped
            found = self.cut[tensor] = memoryview(bytearray(b"".join(bytes(pool[starts[row] : starts[row + 1]]) for row in rows)))
        return found

    def private(self, tensor: int) -> Any:
        one = self.wanted[tensor]
        return self._slice(tensor) if type(one) is tuple else self.tensors.private(one)

    def buffer(self, tensor: int) -> Any:
        one = self.wanted[tensor]
        return self._slice(tensor) if type(one) is tuple else self.tensors.buffer(one)

    def prefetch(self, tensors: list[int]) -> None:
        self.tensors.prefetch([one for tensor in tensors if type(one := self.wanted[tensor]) is not tuple])

    def settle(self) -> None:
        self.tensors.settle()


def _check_memory(tensors: Any, max_memory: int | None, tree: int) -> None:
    stored = sum(place.nbytes for place in tensors.places if place.encoding)
    decoded = sum(place.raw_bytes for place in tensors.places if place.encoding)
    if decoded > limits.SMALL_DECODED and decoded > limits.DECODED_BYTES_PER_STORED * stored:
        raise LimitExceeded(
            f"the compressed tensors declare {decoded} bytes out of {stored}, more than {limits.DECODED_BYTES_PER_STORED} for one (DECODED_BYTES_PER_STORED)"
        )
    if max_memory is None:
        return
    needed = sum(place.raw_bytes for place in tensors.places) + 8 * tree
    if needed > max_memory:
        raise LimitExceeded(f"the model needs about {needed} bytes of memory, more than max_memory={max_memory}; nothing was allocated")


def _extended(dtype: str, name: str) -> Any:
    names = {"BF16": "bfloat16", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "F8_E8M0": "float8_e8m0fnu",
             "F8_E4M3FNUZ": "float8_e4m3fnuz", "F8_E5M2FNUZ": "float8_e5m2fnuz"}  # fmt: skip
    if dtype == "C64":
        return np.dtype("<c8")
    if dtype not in names:
        raise UnsupportedModel(f"tensor {quoted(name)!r} has the dtype {dtype}, whose items are not whole bytes; numpy cannot hold it")
    try:
        import ml_dtypes
    except ImportError:
        raise LibraryMissing(
            f"tensor {quoted(name)!r} has the dtype {dtype}, which numpy learns from ml_dtypes; install it with: pip install ml_dtypes"
        ) from None
    return np.dtype(getattr(ml_dtypes, names[dtype]))


def _shard(name: str, id_: str | None, policy: Policy, digests: str) -> Any:
    with Opening.of_path(name) as opening:
        if id_ is not None and opening.id != id_:
            raise Corrupt("this shard is of another save than the model it is loaded for; save them together again", file=name)
        return opening.load(policy, None, digests)


def load_indexed(path: str, policy: Policy, digests: str, device: Any = None) -> dict[str, Any]:
    """Return the tensors of all files that an index names; see `holdfast.load`."""
    with on_device(device, 0):
        return load_index(path, lambda name, id_: _shard(name, id_, policy, digests))


def open_buffer(buffer: Any, copy: bool = False) -> Opening:
    """Open bytes in memory."""
    return Opening(buffer_source(buffer, copy))


def replayed(opening: Any, model: Any, tolerance: float = 1e-9) -> Any:
    """Return the model if it answers as it did when it was saved.

    Raises:
        ProofFailed: it does not, or there is no example.
    """
    from holdfast.artifact.replay import replay

    example = opening.example()
    if example is None or opening.opened is None:
        raise ProofFailed("replay=True was asked for, and the file holds no example; save it with example=", file=opening.source.name)
    proof = replay(model, example, opening.opened.manifest, opening.id, tolerance, digests=False)
    if not proof.ok:
        raise ProofFailed(f"the model does not answer here as it did when it was saved.\n{proof}", file=opening.source.name)
    return model
