"""An example in the form that the model was fitted on: what a user gives as rows, or rows made up where nothing is given.

The one rule: whatever `predict` takes is taken here, and comes out as one of four forms: a frame, an array, a list of texts, a dict of arrays.
"""

from __future__ import annotations

import contextlib
import inspect
from typing import Any

import numpy as np

from holdfast.artifact.synthetic import synthetic_rows
from holdfast.errors import HoldfastError, UnsupportedModel, UnsupportedOperation, quoted


def rows_of(model: Any, example: Any) -> Any:
    """Return example rows in the form that a model was fitted on.

    Args:
        model: the model.
        example: rows as ``predict`` takes them; None or ``"synthetic"`` for rows made up from what the model knows.

    Raises:
        UnsupportedModel: there are no rows, and the model does not know enough to make up any.
        UnsupportedOperation: what is given has no rows.
    """
    if example is None or isinstance(example, str):
        try:
            example = synthetic_rows(model)
        except UnsupportedModel as error:
            raise UnsupportedModel(f"an export is replayed before it is handed over, and this needs rows: give example= a few, as predict takes them ({error.message})") from None
    try:
        return _in_form(model, example)
    except HoldfastError:
        raise
    except Exception as error:
        raise UnsupportedOperation(f"the example has no rows that can be asked ({type(error).__name__}: {quoted(' '.join(str(error).split()), 200)}); give example= as predict takes it") from error


def _in_form(model: Any, example: Any) -> Any:
    if hasattr(example, "toarray"):
        example = example.toarray()
    if hasattr(example, "detach"):
        example = example.detach().cpu().numpy()
    if isinstance(example, list) and example and all(isinstance(one, dict) for one in example):
        import pandas as pd

        example = pd.DataFrame(example)
    if isinstance(example, dict):
        return {str(name): _plain(value) for name, value in example.items()}
    if isinstance(example, list | tuple) and len(example) > 1 and all(getattr(one, "shape", ()) for one in example):
        names = _input_names(model, example)
        if names is not None:
            return {name: _plain(value) for name, value in zip(names, example, strict=True)}
    texts = _texts(model, example)
    if texts is not None:
        return texts
    names = getattr(model, "feature_names_in_", None)
    if hasattr(example, "columns"):
        fitted = hasattr(model, "n_features_in_") and names is None and not hasattr(model, "feature_names_")
        return example.to_numpy() if fitted and all(dtype.kind in "fiub" for dtype in example.dtypes) else example.reset_index(drop=True)
    array = _plain(example)
    if isinstance(names, np.ndarray) and array.ndim == 2 and array.shape[1] == len(names) and names.dtype.kind in "OU":
        import pandas as pd

        return pd.DataFrame(array, columns=[str(name) for name in names]).infer_objects()
    if array.dtype == object and array.ndim == 2:
        with contextlib.suppress(TypeError, ValueError):
            return array.astype(float)
    return array.astype(float) if array.dtype.kind in "iub" and hasattr(model, "n_features_in_") else array


def _plain(value: Any) -> Any:
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    return np.asarray(value.to_numpy() if hasattr(value, "to_numpy") else value)


def _texts(model: Any, example: Any) -> list[str] | None:
    """Return rows that are single texts as a list, in whatever they came: a list, a column of a frame, an array."""
    if isinstance(example, list | tuple):
        return list(example) if not example or isinstance(example[0], str) else None
    column = example
    if hasattr(example, "columns"):
        column = example.iloc[:, 0] if len(example.columns) == 1 else None
    elif np.ndim(example) == 2 and np.shape(example)[1] == 1:
        column = np.asarray(example)[:, 0]
    if column is None or np.ndim(column) != 1 or (np.ndim(example) == 2 and hasattr(model, "n_features_in_")):
        return None
    values = list(column.to_numpy(object) if hasattr(column, "to_numpy") else np.asarray(column, object))
    return values if values and all(isinstance(one, str) for one in values) else None


def _input_names(model: Any, arrays: Any) -> list[str] | None:
    """Return the names of the inputs to which arrays belong, in order; None where they are rows of a model of one input."""
    library = [cls.__module__.partition(".")[0] for cls in type(model).__mro__]
    if "keras" in library:
        names = [str(one.name) for one in getattr(model, "inputs", None) or ()]
        return names if len(names) == len(arrays) else None
    if "torch" in library:
        known = [one for one in inspect.signature(model.forward).parameters.values() if one.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
        needed = sum(one.default is inspect.Parameter.empty for one in known)
        rows = len({(one.shape, str(one.dtype)) for one in arrays}) == 1
        if len(arrays) == needed or (needed < len(arrays) <= len(known) and not rows):
            return [one.name for one in known[: len(arrays)]]
    return None
