"""Foreign files: recognised by their bytes, read as data, and loaded through the same plan and build as a native file.

The one rule: a file is read once, into memory of our own, and what is checked there is what is built.
"""

from __future__ import annotations

import importlib
import os
import stat
from typing import Any

import numpy as np

from holdfast.artifact.source import Source, aligned, open_source
from holdfast.artifact.versions import check_versions, mismatch
from holdfast.errors import (
    EnvironmentMissing,
    FormatError,
    HoldfastError,
    InvalidState,
    LimitExceeded,
    UnsupportedModel,
    UntrustedType,
    quoted,
)
from holdfast.foreign import READERS
from holdfast.foreign.kinds import kind_of_archive
from holdfast.foreign.made import NEXT, NameTable, registered_name
from holdfast.foreign.reading import Given, Reading
from holdfast.foreign.sniff import HEAD, WORDS, sniff
from holdfast.frameworks.build import build
from holdfast.frameworks.devices import on_device
from holdfast.frameworks.telling import dump_told
from holdfast.frameworks.walk import Dumped
from holdfast.native.codec import encode_tree
from holdfast.trust.plan import make_plan
from holdfast.trust.policy import Policy
from holdfast.values.graph import Graph
from holdfast.values.pause import Paused


def kind_of(source: Source) -> str:
    """Return what a file is, by its bytes.

    Returns:
        ``safetensors`` or ``unknown`` for everything that the native reader is to judge, else the kind of a foreign format.

    Raises:
        FormatError: it is something that is no model.
    """
    head = bytes(source.view(0, min(HEAD, source.size)) if source.whole else source.private(0, min(HEAD, source.size)))
    found = sniff(head, source.size)
    if found == "zip":
        return kind_of_archive(source.view(0, source.size))
    return "pickle" if found.startswith("compressed ") else found


class Stranger:
    """A foreign file that has been recognised.

    Attributes:
        source: its bytes.
        kind: what it is; see `kind_of`.
        names: what it names and would call, once it was read.
    """

    opened = None
    id = ""
    signature: Any = None

    def __init__(self, source: Source, kind: str) -> None:
        self.source = source
        self.kind = kind
        self.names = NameTable()

    def __enter__(self) -> Stranger:
        return self

    def __exit__(self, *_: object) -> None:
        self.source.close()

    def read(self, mapped: bool = False) -> Reading:
        """Return what the file holds, as data.

        Args:
            mapped: leave the content of its arrays where it is, for a look that uses none of it.
        """
        module = READERS.get(self.kind)
        if module is None:
            raise _unread(self.kind).at(self.source.name)
        try:
            data = self.source.view(0, self.source.size) if mapped or self.source.whole else self._private()
            with Paused():
                found: Reading = importlib.import_module(module).read(Given(self.source.name, data, self.names, self._neighbour))
                return found
        except HoldfastError as error:
            raise error.at(self.source.name) from None
        except (RecursionError, MemoryError):
            raise LimitExceeded("the file nests deeper, or needs more memory, than there is", file=self.source.name) from None

    def example(self) -> None:
        """Foreign files hold no answers to compare with."""

    def _private(self) -> memoryview:
        memory = aligned(self.source.size)
        self.source.read_into(0, memory)
        return memory

    def _neighbour(self, name: str) -> memoryview:
        """Return the bytes of a file that a multi-file joblib pickle keeps beside itself."""
        own = os.path.basename(self.source.name)
        if not name.startswith(own + "_") or os.path.basename(name) != name or name in ("", ".", "..") or "\0" in name or "\\" in name:
            raise FormatError(f"the file keeps an array in {quoted(name, 80)!r}, which is not a file of its own name beside it; refused")
        path = os.path.join(os.path.dirname(self.source.name), name)
        try:
            status = os.lstat(path)
        except OSError:
            raise FormatError(f"the array of the file in {quoted(name, 80)!r} is not there; copy all files of the model together") from None
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            raise FormatError(f"{quoted(name, 80)!r} beside the file is a link and no file of its own; refused")
        with open_source(path) as other:
            memory = aligned(other.size)
            if other.whole:
                memory[:] = other.view(0, other.size)
            else:
                other.read_into(0, memory)
            return memory

    def load(
        self, policy: Policy, part: str | None = None, digests: str = "needed", max_memory: int | None = None, device: Any = None
    ) -> Any:
        """Return the model; see `holdfast.load`."""
        if part is not None:
            raise FormatError("a part can be loaded of a native file only; load the whole, or convert it first: holdfast convert", file=self.source.name)
        if max_memory is not None and self.source.size > max_memory:
            raise LimitExceeded(f"the file alone has {self.source.size} bytes, more than max_memory={max_memory}", file=self.source.name)
        reading = self.read()
        self.signature = reading.signature
        return self.built(reading, policy, max_memory, device)[0]

    def built(self, reading: Reading, policy: Policy, max_memory: int | None = None, device: Any = None) -> tuple[Any, Dumped]:
        """Return the model of what was read, and its tree."""
        try:
            with Paused():
                dumped, graph = told(reading)
                versions = {**reading.versions, **self.names.said()}
                check_versions(versions)
                _no_lost_calls(self.names, dumped)
                tensors = HeldTensors(dumped)
                if max_memory is not None and tensors.nbytes + 8 * reading.nbytes > max_memory:
                    raise LimitExceeded(f"the model needs about {tensors.nbytes + 8 * reading.nbytes} bytes, more than max_memory={max_memory}")
                try:
                    plan = make_plan(graph, policy, tensors, self.source.name)
                    if device is None:
                        return build(plan), dumped
                    with on_device(device, tensors.nbytes):
                        return build(plan), dumped
                except InvalidState as error:
                    raise mismatch(versions, error) from None
        except HoldfastError as error:
            raise error.at(self.source.name) from None
        except MemoryError:
            raise LimitExceeded("there is not enough memory for this model; use a larger machine", file=self.source.name) from None
        except RecursionError:
            raise LimitExceeded("the model nests deeper than Python can follow", file=self.source.name) from None


def _no_lost_calls(names: NameTable, dumped: Dumped) -> None:
    """Refuse a file that would call something unknown of which nothing is left in the tree: the plan does not see such a call.

    Raises:
        UntrustedType: names what would be called, and says what to do.
    """
    from holdfast.foreign.verdicts import verdict_on

    left = [name for name in names.uncounted() if registered_name(name) not in dumped.types]
    verdicts = [one for one in (verdict_on(name, True) for name in left) if one.verdict != "known"]
    if not verdicts:
        return
    shown = ", ".join(quoted(one.name, 80) for one in verdicts[:8]) + (", …" if len(verdicts) > 8 else "")
    if any(one.verdict == "dangerous" for one in verdicts):
        advice = "Ask whoever gave it to you what it is; do not unpickle it."
    else:
        advice = f"If you trust the file, {NEXT}"
    raise UntrustedType(
        f"the file would call {shown} on the way to its values; holdfast calls nothing that a file names, and nothing was loaded.\n{advice}",
        names=tuple(one.name for one in verdicts),
    )


def told(reading: Reading) -> tuple[Dumped, Graph]:
    """Return the tree of what was read, and its checked graph."""
    dumped = dump_told(reading.root)
    try:
        encode_tree(dumped.tree)
    except (UnicodeEncodeError, OverflowError):
        dumped = dump_told(reading.root, careful=True)
    return dumped, Graph(dumped.tree, len(dumped.tensors), max(reading.nbytes, 1))


class HeldTensors:
    """The tensors of a tree whose arrays are in memory of our own already."""

    def __init__(self, dumped: Dumped) -> None:
        self.tensors = dumped.tensors
        self.made: dict[int, Any] = {}
        self.nbytes = sum(one.nbytes for one in dumped.tensors)

    def private(self, tensor: int) -> Any:
        """Return the raw bytes: nobody else can change them."""
        found = self.made.get(tensor)
        if found is None:
            found = self.made[tensor] = self._joined(tensor)
        return found

    buffer = private

    def _joined(self, tensor: int) -> Any:
        pieces = list(self.tensors[tensor].pieces())
        if len(pieces) == 1:
            only = np.frombuffer(pieces[0], np.uint8)
            if only.flags.writeable and only.__array_interface__["data"][0] % 16 == 0:
                return memoryview(only)  # type: ignore[arg-type]
        memory = aligned(self.tensors[tensor].nbytes)
        at = 0
        for piece in pieces:
            flat = memoryview(np.frombuffer(piece, np.uint8))  # type: ignore[arg-type]
            memory[at : at + len(flat)] = flat
            at += len(flat)
        return memory

    def prefetch(self, tensors: list[int]) -> None:
        """Nothing has to come from anywhere."""

    def settle(self) -> None:
        """Nothing is under way."""


_UNREAD: dict[str, str] = {
    "torch script": "a TorchScript archive, which is code; load it with torch.jit.load where you trust it, and save the weights: holdfast.save(model.state_dict(), ...)",
    "catboost json": "a CatBoost model in JSON; load it with CatBoost().load_model(path, format='json'), and save that with holdfast.save",
    "tar": "a tar archive, as torch.save wrote before 2016; load it with torch.load(weights_only=True), and save the model with holdfast.save",
    "tflite": "a LiteRT model, which runs in its own runtime: ai_edge_litert.interpreter.Interpreter(path)",
    "zip": "a zip archive of a kind that holdfast does not know as a model",
    "json": "JSON of a kind that holdfast does not know as a model",
    "onnx": "an ONNX model, which runs in onnxruntime: give its path, not its bytes, to holdfast.load or holdfast.predictor",
    "pmml": "an XML document such as PMML, which runs in jpmml-evaluator: give its path, not its bytes, to holdfast.load or holdfast.predictor",
    "gguf": "a GGUF file, which holdfast inspects and does not load; run it with llama.cpp",
}


def _unread(kind: str) -> HoldfastError:
    text = _UNREAD.get(kind)
    if text is not None:
        return UnsupportedModel(f"this is {text}; nothing was loaded")
    return EnvironmentMissing(f"this is {WORDS.get(kind, kind)}, which this holdfast does not read")

