"""The weights of a ``.keras`` file, put into a model by Keras' own walk over it.

Which array belongs to which variable follows from how the layers of a model hold each other, and Keras knows that; it is given
a store that holds what was read before, and no file.

The one rule: every array that the file holds is asked for, and every variable gets one; else the model is refused.
"""

from __future__ import annotations

import importlib
import os
import tempfile
from typing import Any

import numpy as np

from holdfast.errors import InvalidState


def assign(model: Any, weights: dict[str, Any], bits: dict[str, str], assets: dict[str, str]) -> None:
    """Give the variables of a model their values.

    Args:
        model: made from its description, and compiled when that says so; its variables have some values.
        weights: path -> array, as in the file.
        bits: path -> dtype that numpy does not have, of which the array holds the bits.
        assets: path -> content of the vocabularies.

    Raises:
        InvalidState: the arrays are not those of this model.
    """
    library = importlib.import_module("keras.src.saving.saving_lib")
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None and not optimizer.built and any(path.startswith("optimizer/") for path in weights):
        optimizer.build(model.trainable_variables)
    for path in bits:
        if bits[path] != "bfloat16":
            raise InvalidState(f"the weights {path[:120]!r} are of an unknown dtype; the file is damaged or was altered.")
    known = importlib.import_module("ml_dtypes").bfloat16 if bits else None
    store = _store(library)({path: array.view(known) if path in bits else array for path, array in weights.items()})
    with tempfile.TemporaryDirectory() as folder:
        for path, text in assets.items():
            place = os.path.join(folder, *path.split("/"))
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "w", encoding="utf-8") as file:
                file.write(text)
        disk = library.DiskIOStore(folder, mode="r") if assets else None
        try:
            library._load_state(model, weights_store=store, assets_store=disk, inner_path="", visited_saveables=set())
        except (KeyError, ValueError, TypeError) as error:
            raise InvalidState(f"the weights are not those of the model that the file describes ({str(error)[:300]}); the file is damaged or was altered.") from None
        finally:
            if disk is not None:
                disk.close()
    left = sorted(set(weights) - store.asked)
    if left:
        raise InvalidState(f"the file holds weights that its model has no place for, such as {left[0][:120]!r}; it is damaged or was altered.")


def _store(library: Any) -> Any:
    class Store(library.NpzIOStore):  # type: ignore[misc]
        """The arrays of a file, as Keras asks for them: those of one layer by their numbers."""

        def __init__(self, weights: dict[str, Any]) -> None:
            self.asked: set[str] = set()
            self.by_layer: dict[str, dict[str, Any]] = {}
            for path, array in weights.items():
                layer, _, name = path.rpartition("/")
                self.by_layer.setdefault(layer, {})[name] = (path, array)

        def get(self, path: str) -> Any:
            """Return the arrays of one layer."""
            place = f"{path}/vars" if path else "vars"
            found = self.by_layer.get(place, {})
            self.asked |= {whole for whole, _ in found.values()}
            return {name: np.asarray(array) for name, (_, array) in found.items()}

        def has_path(self, path: str) -> bool:
            """Say whether anything lies below a path."""
            return any(layer == path or layer.startswith(f"{path}/") for layer in self.by_layer)

        def __bool__(self) -> bool:
            return True

        def close(self) -> None:
            """Nothing is open."""

    return Store
