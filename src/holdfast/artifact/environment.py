"""Which libraries a model needs, with their versions: from the modules of its types, in microseconds.

The one rule: nothing is imported to find out, and nothing about the host is recorded.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

DISTRIBUTIONS = {"sklearn": "scikit-learn", "imblearn": "imbalanced-learn"}
STAND_ON = {"sklearn": ("numpy", "scipy"), "imblearn": ("sklearn",), "flax": ("jax",), "optax": ("jax",), "transformers": ("torch",), "peft": ("torch",)}
"""Library -> those that its models need as well, and may differ under."""
_versions: dict[str, tuple[str, str] | None] = {}


def libraries(type_names: Iterable[str]) -> dict[str, str]:
    """Return distribution -> version for the libraries that these types come from.

    Args:
        type_names: exact names of types and functions.

    Examples:
        >>> libraries(["builtins.dict"])
        {}
    """
    found: dict[str, str] = {}
    for top in dict.fromkeys(name.partition(".")[0] for name in type_names):
        known = _versions.get(top, ())
        if known == ():
            known = _versions[top] = _lookup(top)
        if known:
            found[known[0]] = known[1]  # type: ignore[index]
            if top in STAND_ON:
                found.update(libraries(STAND_ON[top]))
            elif top == "keras" and "keras" in sys.modules:
                found.update(libraries((sys.modules["keras"].backend.backend(),)))
    return dict(sorted(found.items()))


def _lookup(top: str) -> tuple[str, str] | None:
    if top in sys.stdlib_module_names or top == "__main__":
        return None
    distribution = DISTRIBUTIONS.get(top, top)
    version = getattr(sys.modules.get(top), "__version__", None)
    if isinstance(version, str):
        # the build behind a "+" (cpu, cu130) is the machine's, and not what the model needs
        return distribution, str(version).partition("+")[0]
    from importlib import metadata

    try:
        return distribution, metadata.version(distribution).partition("+")[0]
    except metadata.PackageNotFoundError:
        return None


def installed(distribution: str) -> str | None:
    """Return the installed version of a distribution, or None."""
    from importlib import metadata

    for name in (distribution, f"{distribution}-cpu"):  # XGBoost and TensorFlow have a second one, of the same modules
        try:
            return metadata.version(name).partition("+")[0]
        except metadata.PackageNotFoundError:
            continue
    return None


def python_version() -> str:
    """Return major and minor version of the running Python."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"
