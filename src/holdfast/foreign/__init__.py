"""Other people's formats: from their bytes to the tree, one file a format.

The one rule: a foreign file is data. It is turned into stand-ins, and those go through the same plan, validators and
build as a native file; nothing a file names is imported or called here.

To add a format: write ``foreign/<format>_.py`` with a function ``read``, add its line to ``READERS``, and teach
``sniff.py`` its first bytes.
"""

from __future__ import annotations

READERS: dict[str, str] = {
    "pickle": "holdfast.foreign.pickle_",
    "npy": "holdfast.foreign.npz_",
    "npz": "holdfast.foreign.npz_",
    "torch": "holdfast.foreign.torch_",
    "torch program": "holdfast.foreign.program_",
    "skops": "holdfast.foreign.skops_",
    "keras": "holdfast.foreign.keras_",
    "hdf5": "holdfast.foreign.hdf5_",
    "xgboost": "holdfast.foreign.boosters_",
    "xgboost json": "holdfast.foreign.boosters_",
    "lightgbm": "holdfast.foreign.boosters_",
    "catboost": "holdfast.foreign.boosters_",
}
"""Format -> the module that reads it."""
