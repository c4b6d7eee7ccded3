"""Loading tensors into a model that the caller has made.

The one rule: nothing of the caller's model is changed unless everything that was asked for fits.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from holdfast.errors import HoldfastWarning, InvalidState, UnsupportedOperation, quoted


class Fit(NamedTuple):
    """How tensors fit a model.

    Attributes:
        fitting: names of those that do.
        missing: names that the model has and the tensors do not.
        extra: names that the tensors have and the model does not.
        mis_shaped: name -> (shape in the model, shape of the tensor).
    """

    fitting: list[str]
    missing: list[str]
    extra: list[str]
    mis_shaped: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]

    @property
    def whole(self) -> bool:
        """Whether every name is there, once, in its shape."""
        return not (self.missing or self.extra or self.mis_shaped)

    def __str__(self) -> str:
        lines = [f"{len(self.fitting)} tensors fit"]
        for what, names in (("missing", self.missing), ("not of the model", self.extra)):
            if names:
                lines.append(f"{len(names)} {what}: {', '.join(quoted(name, 80) for name in names[:8])}{', …' if len(names) > 8 else ''}")
        if self.mis_shaped:
            shown = [f"{quoted(name, 80)} is {list(here)} in the model and {list(there)} in the file" for name, (here, there) in list(self.mis_shaped.items())[:8]]
            lines.append(f"{len(self.mis_shaped)} of another shape: {'; '.join(shown)}{'; …' if len(self.mis_shaped) > 8 else ''}")
        return "\n  ".join(lines)


def classes_of(model: Any) -> list[type]:
    """Return the classes that a caller vouches for by handing over a model of them: its own, and those of its modules."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(model, torch.nn.Module):
        builtin = ("torch.",)
        return [cls for cls in dict.fromkeys(map(type, model.modules())) if not f"{cls.__module__}.".startswith(builtin)]
    return []


def load_into(model: Any, found: Any, strict: bool) -> Any:
    """Put tensors into a model, and return it.

    Args:
        model: a module of PyTorch.
        found: what a file held: a module, a state dict, a dict of arrays, or an adapter to attach.
        strict: refuse unless all of it fits; else load what does, and warn.

    Raises:
        InvalidState: it does not fit; says which names are missing, extra or of another shape.
        UnsupportedOperation: nothing can be put into such a model, or the file holds no tensors by name.
    """
    if hasattr(found, "attach"):
        return found.attach(model)
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(model, torch.nn.Module):
        raise UnsupportedOperation(f"into= takes a module of PyTorch, and this is a {type(model).__name__}; load without it")
    if isinstance(found, torch.nn.Module):
        found = found.state_dict()
    if isinstance(found, Mapping) and not _are_tensors(found, torch):
        for name in ("state_dict", "model_state_dict", "model"):
            if isinstance(found.get(name), Mapping):
                raise UnsupportedOperation(f"the file holds {', '.join(map(repr, list(found)[:8]))}; give part={name!r} for the tensors among them")
    if not isinstance(found, Mapping) or not _are_tensors(found, torch):
        raise UnsupportedOperation(f"the file holds a {type(found).__name__} and no tensors by name; load it without into=")
    tensors = {str(name): torch.from_numpy(np.array(value)) if isinstance(value, np.ndarray) else value for name, value in found.items()}
    fit = compare(model.state_dict(), tensors)
    if not fit.whole and strict:
        raise InvalidState(f"the tensors do not fit this {type(model).__name__}; nothing was loaded.\n  {fit}\nTo load what fits: strict=False")
    if not fit.whole:
        warnings.warn(f"not all tensors fit this {type(model).__name__}:\n  {fit}", HoldfastWarning, stacklevel=4)
    model.load_state_dict({name: tensors[name] for name in fit.fitting}, strict=False)
    return model


def _are_tensors(found: Mapping[Any, Any], torch: Any) -> bool:
    return bool(found) and all(isinstance(value, np.ndarray | torch.Tensor) for value in found.values())


def compare(wanted: Mapping[str, Any], given: Mapping[str, Any]) -> Fit:
    """Return how tensors fit those that a model has."""
    shapes = {name: (tuple(wanted[name].shape), tuple(given[name].shape)) for name in wanted if name in given}
    wrong = {name: pair for name, pair in shapes.items() if pair[0] != pair[1]}
    return Fit(
        [name for name in shapes if name not in wrong],
        [name for name in wanted if name not in given],
        [name for name in given if name not in wanted],
        wrong,
    )
