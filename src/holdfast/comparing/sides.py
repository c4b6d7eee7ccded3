"""One side of a comparison: a file, a version of a store, another library's file, or a model in memory, behind one interface.

The one rule: a model is built only to be asked, under the policy of the call.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from holdfast.artifact.load import Opening, open_buffer
from holdfast.artifact.predictor import ModelPredictor
from holdfast.artifact.save import dumps
from holdfast.artifact.stranger import Stranger
from holdfast.errors import HoldfastWarning, UnsupportedOperation
from holdfast.trust.policy import Policy
from holdfast.values.manifest import Manifest
from holdfast.values.predictor import Predictor

_ABSENT: Any = object()


class Side:
    """What is compared.

    Attributes:
        name: how people are told of it.
        opening: the file that it is, or None for a model in another runtime's form.
        size: bytes of it.
        kind: what it is where no manifest says it.
        version: the version of a store that it is, or None.
    """

    def __init__(self, name: str, opening: Opening | None, size: int, kind: str = "", model: Any = _ABSENT, answers: Predictor | None = None, version: Any = None) -> None:
        self.name = name
        self.opening = opening
        self.size = size
        self.kind = kind
        self.version = version
        self._model = model
        self._answers = answers

    @property
    def manifest(self) -> Manifest | None:
        """What it says of itself, where it is a native file."""
        return self.opening.opened.manifest if self.opening is not None and self.opening.opened is not None else None

    @property
    def metrics(self) -> Mapping[str, Any]:
        """Its metrics; those of a version may have been written after its save."""
        if self.version is not None:
            found: Mapping[str, Any] = self.version.metrics
            return found
        return self.manifest.metrics if self.manifest is not None else {}

    @property
    def origin(self) -> dict[str, Any]:
        """Where a version comes from: its parent, the state of its code, digests of its data."""
        one = self.version
        groups = (("code", one.code), ("data", one.data), ("tag", one.tags))
        return {"parent": one.parent, **{f"{group} {name}": value for group, held in groups for name, value in held.items()}}

    @property
    def told_signature(self) -> Any:
        """What the runtime of another form says that it takes and answers; None for all others."""
        return None if self._answers is None else self._answers.signature

    def example(self) -> Any:
        """Return the rows that are stored with it, or None."""
        found = self.opening.example() if self.opening is not None else None
        return None if found is None else found["inputs"]

    def predictor(self, policy: Policy) -> Predictor:
        """Return what answers rows; a file is loaded for it.

        Raises:
            UnsupportedOperation: there is nothing to ask.
            TrustError, AdapterError, FormatError: it cannot be loaded here.
        """
        if self._answers is None:
            manifest = self.manifest
            if manifest is None:
                raise UnsupportedOperation("these are tensors without a model, and have nothing to ask", file=self.name)
            assert self.opening is not None
            model = self.opening.load(policy) if self._model is _ABSENT else self._model
            self._answers = ModelPredictor(model, manifest.signature, self.name)
        return self._answers


@contextmanager
def side(given: Any, place: str, policy: Policy) -> Iterator[Side]:
    """Give a side of what was opened or is in memory, and close what is opened for it.

    Args:
        given: an `Opening` or a `Stranger`, which the caller closes; a version of a store; or a model in memory.
        place: how a model in memory is called.
        policy: for what has to be loaded to be compared.
    """
    with ExitStack() as stack:
        version = None
        if hasattr(type(given), "__holdfast_opening__"):
            version, given = given, stack.enter_context(given.__holdfast_opening__())
        if isinstance(given, Opening):
            yield Side(given.source.name, given, given.source.size, "a plain safetensors file", version=version)
            return
        name, size, model = place, None, given
        if isinstance(given, Stranger):
            name, size, model = given.source.name, given.source.size, given.load(policy)
            if isinstance(model, ModelPredictor):  # it is run elsewhere, and has no tree here
                yield Side(name, None, given.source.size, given.kind, answers=model)
                return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", HoldfastWarning)  # nothing is saved
            opening = stack.enter_context(open_buffer(dumps(model)))
        opening.source.name = name
        yield Side(name, opening, opening.source.size if size is None else size, model=model)
