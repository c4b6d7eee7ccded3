"""A loaded model behind the one interface: arrays, frames and dicts of named inputs in, arrays out.

The one rule: rows are put into the form that the signature names, by name where there are names; nothing is guessed from
positions when the names do not fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from holdfast.errors import HoldfastError, UnsupportedOperation, quoted
from holdfast.frameworks.asking import CALLS, in_frame, stacked, takes_names, ways_to_ask
from holdfast.values.manifest import Signature

SHOWN = 8
"""Names of columns in one message."""


class ModelPredictor:
    """A model of any library as a `holdfast.values.predictor.Predictor`.

    Attributes:
        model: the model itself.
        methods: what it can be asked, ``predict`` first.
        classes: labels in the order of the columns of ``predict_proba``, or None.
        signature: its named, typed inputs and outputs, or None when nothing is known.
        predict_is: what ``predict`` asks of a model that has none of its own, such as ``transform``; None of all others.
    """

    predict_is: str | None = None

    def __init__(self, model: Any, signature: Signature | None, file: str | None = None, ways: dict[str, Callable[[Any], Any]] | None = None) -> None:
        self.model = model
        self.signature = signature
        self._file = file
        self._ways = ways_to_ask(model) if ways is None else ways  # an export's runtime knows its own
        if "predict" not in self._ways:
            instead = next((name for name in (*CALLS, "transform") if name in self._ways), None)
            if instead is not None:
                self.predict_is = instead
                self._ways = {"predict": self._ways[instead], **self._ways}
        if not self._ways:
            self._refuse(f"{type(model).__name__} has nothing to ask: no predict, transform or call")

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of what it can be asked."""
        return tuple(self._ways)

    @property
    def classes(self) -> list[Any] | None:
        """Labels in the order of the columns of ``predict_proba``, or None."""
        return None if self.signature is None else self.signature.classes

    def predict(self, rows: Any) -> Any:
        """Return the answer for each row.

        Args:
            rows: an array or list (rows, features); a frame; a dict of name -> column, or of name -> value for a single row;
                a list of such records; for models of text a list of texts; for models of several inputs a dict of arrays.

        Returns:
            An array with one answer a row, or a dict of such arrays where a model has several named outputs.

        Raises:
            UnsupportedOperation: the rows lack a column or have another width, or the model refuses them.
        """
        return self.ask("predict", rows)

    def predict_proba(self, rows: Any) -> Any:
        """Return the probability of each class for each row: an array (rows, classes) in the order of ``classes``."""
        return self.ask("predict_proba", rows)

    def ask(self, method: str, rows: Any) -> Any:
        """Return what one of ``methods`` answers."""
        ask = self._ways.get(method)
        if ask is None:
            self._refuse(f"{type(self.model).__name__} has no {method}; it has {', '.join(self.methods)}")
        if rows is None or isinstance(rows, type | Iterator) or (isinstance(rows, dict | list | tuple) and not rows):
            self._refuse(f"rows are an array, a frame, a list of rows or records, or a dict of columns; {_given(rows)} was given")
        try:
            given = self._shaped(rows)
        except HoldfastError:
            raise
        except Exception as error:
            self._refuse(f"the rows cannot be put into the form that the model takes: {_said(error)}")
        try:
            answer = _plain(ask(given), getattr(self.model, "output_names", None))
        except Exception as error:
            self._refuse(f"the model cannot answer these rows: {_said(error)}")
        count = _length(rows)
        if count is not None and isinstance(answer, np.ndarray) and answer.ndim and len(answer) != count:
            self._refuse(f"the model gave {len(answer)} answers to {count} rows, so it takes rows in another form; give them as it was fitted")
        return answer

    def __repr__(self) -> str:
        names = [one.name for one in self.signature.inputs if one.name] if self.signature else []
        of = f", rows of {_some(names)}" if names else ""
        return f"<predictor of {type(self.model).__name__}: {', '.join(self.methods)}{of}>"

    def _refuse(self, why: str) -> NoReturn:
        raise UnsupportedOperation(why, file=self._file) from None

    # -- rows ------------------------------------------------------------------------------------------------------------

    def _shaped(self, rows: Any) -> Any:
        signature = self.signature
        if isinstance(rows, list) and all(isinstance(one, dict) for one in rows):
            rows = self._columns_of(rows)
        if signature is None or not signature.inputs:
            return self._unknown(rows)
        if signature.kind == "frame":
            return in_frame(self.model, self._frame(rows, signature))
        if signature.kind == "dict":
            return self._inputs(rows, signature)
        if signature.kind == "rows":
            return self._texts(rows)
        return self._array(rows, signature)

    def _columns_of(self, records: list[dict[Any, Any]]) -> dict[Any, Any]:
        """Return records as columns."""
        names = list(dict.fromkeys(name for one in records for name in one))
        for number, one in enumerate(records):
            lacking = [name for name in names if name not in one]
            if lacking:
                self._refuse(f"record {number} lacks {_some(lacking)}, which others have; give None where nothing is known")
        return {name: [one[name] for one in records] for name in names}

    def _unknown(self, rows: Any) -> Any:
        """Return rows for a model that does not know what it takes: named columns as a frame, and one column of texts as texts."""
        if takes_names(self.model) or not (isinstance(rows, dict) or hasattr(rows, "columns")):
            return rows
        if isinstance(rows, dict):
            import pandas as pd

            rows = pd.DataFrame(_columns(rows))
        if len(rows.columns) == 1 and all(isinstance(one, str) for one in rows.iloc[:, 0]):
            return rows.iloc[:, 0].tolist()
        return in_frame(self.model, rows)

    def _frame(self, rows: Any, signature: Signature) -> Any:
        import pandas as pd

        names = [str(one.name) for one in signature.inputs]
        if isinstance(rows, dict):
            rows = pd.DataFrame(_columns(rows))
        if not hasattr(rows, "columns"):
            array = rows if hasattr(rows, "tocsr") else np.asarray(rows)
            if array.ndim != 2 or array.shape[1] != len(names):
                single = "; give a single row as [row]" if array.shape == (len(names),) else ""
                self._refuse(f"the rows are {_form(array)}, and the model takes {len(names)} columns: {_some(names)}{single}")
            if hasattr(array, "tocsr"):
                return array
            return pd.DataFrame(array, columns=names)
        missing = [name for name in names if name not in rows.columns]
        if missing:
            self._refuse(f"the rows lack {_some(missing)}; the model takes {_some(names)}, and the rows have {_some([str(one) for one in rows.columns])}")
        return rows[names]

    def _inputs(self, rows: Any, signature: Signature) -> Any:
        names = [str(one.name) for one in signature.inputs]
        given = {str(name): rows[name] for name in rows} if isinstance(rows, dict) or hasattr(rows, "columns") else None
        if given is None:
            if len(names) > 1:
                self._refuse(f"the model takes several inputs by name; give a dict of {_some(names)}")
            given = {names[0]: rows}
        missing = [name for name in names if name not in given]
        if missing:
            self._refuse(f"the inputs lack {_some(missing)}; the model takes {_some(names)}")
        return {name: np.asarray(given[name]) for name in given}

    def _texts(self, rows: Any) -> Any:
        if isinstance(rows, str):
            return [rows]
        if isinstance(rows, dict) and len(rows) == 1:
            rows = next(iter(rows.values()))
            rows = [rows] if isinstance(rows, str) else rows
        if hasattr(rows, "columns"):
            if len(rows.columns) != 1:
                self._refuse(f"the model takes a list of rows, such as texts, and the frame has {len(rows.columns)} columns; give one of them")
            rows = rows.iloc[:, 0]
        return list(rows)

    def _array(self, rows: Any, signature: Signature) -> Any:
        if isinstance(rows, dict):
            if len(signature.inputs) == 1 and len(rows) > 1 and np.ndim(next(iter(rows.values()))) > 1:
                self._refuse(f"the model takes one array, and {_some(list(rows))} are given")
            columns = _columns(rows)
            only = next(iter(columns.values()))
            rows = only if len(columns) == 1 and np.ndim(only) > 1 else stacked(columns)
        elif hasattr(rows, "columns"):
            rows = rows.to_numpy()
        array = rows if hasattr(rows, "shape") else np.asarray(rows)
        expected, wanted = signature.inputs[0].shape, signature.inputs[0].dtype
        # a tensor's dtype has no kind, and its library makes of it what the model takes
        if wanted.startswith("float") and getattr(array.dtype, "kind", "f") in "iub":
            array = array.astype(wanted)
        fits = len(array.shape) == len(expected) and all(want is None or want == have for want, have in zip(expected[1:], array.shape[1:], strict=True))
        if not fits and signature.inputs[0].dtype == "numeric":
            single = "; give a single row as [row]" if len(array.shape) == len(expected) - 1 else ""
            self._refuse(f"the rows are {_form(array)}, and the model takes {_shape(expected)}{single}")
        return array


def _columns(rows: dict[Any, Any]) -> dict[Any, Any]:
    """Return columns: as they are, or of one row where single values are given."""
    return {name: [value] if np.ndim(value) == 0 else value for name, value in rows.items()}


def _some(names: list[Any]) -> str:
    shown = ", ".join(repr(quoted(name, 60)) if not isinstance(name, str) else f"'{quoted(name, 60)}'" for name in names[:SHOWN])
    return (shown or "none") + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _shape(lengths: Any) -> str:
    return f"({', '.join('rows' if one is None else str(one) for one in lengths)})"


def _form(array: Any) -> str:
    return f"an array of shape {tuple(array.shape)}"


def _plain(answer: Any, names: Any = None) -> Any:
    """Return an answer as arrays: several outputs by their names, or as a tuple where they have none."""
    if hasattr(answer, "columns") and hasattr(answer, "to_numpy"):
        return {str(name): answer[name].to_numpy() for name in answer.columns} if len(answer.columns) > 1 else answer.iloc[:, 0].to_numpy()
    if hasattr(answer, "to_numpy"):
        return answer.to_numpy()
    if isinstance(answer, dict):
        return {name: _plain(value) for name, value in answer.items()}
    if isinstance(answer, tuple) or (isinstance(answer, list) and answer and all(hasattr(one, "shape") and one.ndim for one in answer)):
        outputs = tuple(map(_plain, answer))
        return dict(zip(names, outputs, strict=True)) if isinstance(names, list) and len(names) == len(outputs) else outputs
    if isinstance(answer, list) and answer and isinstance(answer[0], dict):
        return answer
    if hasattr(answer, "toarray"):
        return answer
    return np.asarray(answer)


def _length(rows: Any) -> int | None:
    """Return how many rows a table has; None for what is no table."""
    if hasattr(rows, "columns"):
        return len(rows)
    if isinstance(rows, list) and all(isinstance(one, dict) for one in rows):
        return len(rows)
    return None


def _given(rows: Any) -> str:
    if isinstance(rows, dict | list | tuple):
        return f"an empty {type(rows).__name__}"
    return "None" if rows is None else f"a {type(rows).__name__}" if not isinstance(rows, type) else f"the class {rows.__name__}"


def _said(error: Exception) -> str:
    """Return what an error of another library says, on one line."""
    return f"{type(error).__name__}: {quoted(' '.join(str(error).split()), 400)}"
