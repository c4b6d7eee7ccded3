"""What a foreign file says about the versions of the libraries that made it, and whether that will do.

Of 191 estimators pickled with scikit-learn 1.3, 1.4 and 1.5 and loaded into 1.9, ten, four and one answer differently without
a word; of 1.6, 1.7 and 1.8 none does. So those are loaded with a notice, and older ones refused. Figures: docs/foreign.md.

The one rule: a model that may answer differently is not handed over.
"""

from __future__ import annotations

import re
import warnings

from holdfast.artifact.environment import installed
from holdfast.errors import HoldfastError, HoldfastWarning, InvalidState, VersionMismatch, quoted

OLDEST: dict[str, tuple[int, int]] = {"scikit-learn": (1, 6)}
"""Distribution -> the oldest release whose objects mean the same in the releases that holdfast knows."""


def check_versions(versions: dict[str, str]) -> None:
    """Warn of versions that differ from what is installed, and refuse those known to mean something else.

    Raises:
        VersionMismatch: says which version, and what to do.
    """
    for name, said in versions.items():
        here = installed(name)
        for one in said.split(", "):
            if here is None or _pair(one) == _pair(here):
                continue
            if _pair(one) is None or name not in OLDEST or _pair(one) < OLDEST[name] or _pair(one) > (_pair(here) or (0, 0)):  # type: ignore[operator]
                raise VersionMismatch(
                    f"the model was made with {name} {quoted(one, 40)} and {here} is installed, in which some models of that release answer differently; "
                    f"nothing was loaded. {_advice(name, one)}"
                )
            warnings.warn(
                f"the model was made with {name} {quoted(one, 40)} and {here} is installed; its answers were found equal for these releases, "
                "and are not proven for this model",
                HoldfastWarning,
                stacklevel=5,
            )


def mismatch(versions: dict[str, str], error: InvalidState) -> HoldfastError:
    """Return the refusal of a state that may be that of another version: a version problem is not damage."""
    for name, said in versions.items():
        here = installed(name)
        if here is not None and said != here:
            what = error.message.partition("; the file is damaged")[0]
            return VersionMismatch(f"the model was made with {name} {quoted(said, 40)} and {here} is installed, where it looks different: {what}. {_advice(name, said)}")
    return error


def _advice(name: str, version: str) -> str:
    return (
        f"In an environment with {name}=={quoted(version.partition(', ')[0], 40)} it answers as it did; there, export it to ONNX or train it anew with the version that is installed here"
    )


def _pair(version: str) -> tuple[int, int] | None:
    found = re.match(r"(\d{1,6})\.(\d{1,6})", version)
    return None if found is None else (int(found[1]), int(found[2]))
