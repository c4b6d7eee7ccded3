"""Write the pickles of this folder, with pandas 2.2.3: ``python write_pandas.py FOLDER``."""

import pathlib
import pickle
import sys

import numpy as np
import pandas as pd

things = {
    "stamps": [pd.Timestamp("2024-05-01 10:00"), pd.Timestamp("2024-05-01", tz="UTC")], "delta": pd.Timedelta("1D"), "missing": [pd.NA], "period": pd.Period("2024-01", "M"),
    "frame": pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", None], "c": [1.5, np.nan, 2], "d": pd.date_range("2024", periods=3), "e": pd.Categorical(["u", "v", "u"]), "f": pd.array([1, None, 3], dtype="Int64"), "g": [True, False, True]}),
    "series": pd.Series([1.0, 2.0], index=["a", "b"], name="s"), "string": pd.Series(["a", None], dtype="string"), "range": pd.RangeIndex(5), "index": pd.Index([1, 2]), "text": pd.Index(["a", "b"]),
    "dates": pd.date_range("2024", periods=3), "utc": pd.date_range("2024", periods=2, tz="UTC"), "multi": pd.MultiIndex.from_tuples([(1, "a"), (2, "b")]), "dtype": pd.CategoricalDtype(["a", "b"]),
    "categories": pd.CategoricalIndex(["a", "b"]), "intervals": pd.IntervalIndex.from_breaks([0, 1, 2]),
}
for protocol in (0, 2, 4, 5):
    pathlib.Path(sys.argv[1], f"pandas2.{protocol}.pkl").write_bytes(pickle.dumps(things, protocol))
    pathlib.Path(sys.argv[1], f"pandas2_nat.{protocol}.pkl").write_bytes(pickle.dumps([pd.NaT], protocol))
