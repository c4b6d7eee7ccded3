"""Texts of dtypes: numpy ends the process over a unit that is divided by zero, so it is asked about none that it would not write."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.errors import HoldfastError
from holdfast.values.dtypes import numpy_dtype
from tests.foreign import pickles

ENDS = "M8[us/0]"


def attributes(name: str, **values: bytes) -> bytes:
    """Return a pickle of an object with those attributes."""
    return pickles.pickled(pickles.name(name) + b")\x81}(" + b"".join(pickles.text(key) + value for key, value in values.items()) + b"ub")


def of_unit(number: int) -> bytes:
    """Return a pickle of a dtype of times whose unit is counted so."""
    state = b"(K\x04" + pickles.text("<") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00" + b"N(" + pickles.text("us") + pickles.number(number) + b"K\x01K\x01t\x86tb"
    return pickles.pickled(pickles.dtype("M8") + state)


TEXT = pickles.text(ENDS)
FILES = {
    "dtype": pickles.pickled(pickles.dtype(ENDS)),
    "fields": pickles.pickled(pickles.dtype("i4,M8[us/0]")),
    "zero": of_unit(0),
    "negative": of_unit(-1),
    "sparse": attributes("pandas.SparseDtype", _dtype=TEXT, _fill_value=b"N"),
    "interval": attributes("pandas.IntervalDtype", subtype=TEXT, closed=pickles.text("right")),
    "wrapped": attributes("pandas.core.dtypes.dtypes.NumpyEADtype", _dtype=TEXT),
    "zone": attributes("pandas.DatetimeTZDtype", unit=pickles.text("us/0"), tz=b"N"),
    "dok": attributes("scipy.sparse._dok.dok_matrix", _shape=b"K\x02K\x02\x86", dtype=TEXT, _dict=b"}"),
    "lil": attributes("scipy.sparse._lil.lil_matrix", _shape=b"K\x02K\x02\x86", dtype=TEXT, rows=b"N", data=b"N"),
    "npy": pickles.npy(f"'{ENDS}'"),
    "npy field": pickles.npy(f"[('a', '{ENDS}')]"),
    "npy pair": pickles.npy(f"('{ENDS}', (1,))"),
    "npy shape": pickles.npy(f"[('a', '<f8', '{ENDS}')]"),
    "npy list in a pair": pickles.npy(f"[('a', ('{ENDS}', 2))]"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_text_over_which_numpy_ends_the_process_is_refused(name: str) -> None:
    with pytest.raises(HoldfastError):
        holdfast.loads(FILES[name])


@pytest.mark.parametrize("text", [ENDS, "M8[0s]", "f8,f8", "f8 ", "(2,)f8", "M8[-1s]", "float64", "O", "", "i" * 99, "M8[us]\n", "i٨"])  # noqa: RUF001
def test_texts_that_numpy_does_not_write_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="dtype"):
        numpy_dtype(text)


@pytest.mark.parametrize("kind", ["f8", "<f4", ">i2", "|b1", "?", "M8", "m8[25s]", "<M8[ns]", "U5", "|S3", "V16", "c16", "g", "b", "B", "|u1"])
def test_texts_that_numpy_writes_are_its_dtypes(kind: Any) -> None:
    assert numpy_dtype(kind) == np.dtype(kind)
