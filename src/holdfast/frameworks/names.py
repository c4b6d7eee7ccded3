"""Classes and functions as values: their exact names, and back.

The one rule: a name stands for an object only if importing it gives that very object.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import Any

import numpy as np

from holdfast.errors import LibraryMissing, UntrustedType, quoted

_PUBLIC = {"keras": "holdfast.frameworks.keras_", "tensorflow": "holdfast.frameworks.tensorflow_"}
"""Library whose modules move -> the module that knows the names that it documents."""


def public_name(obj: Any) -> str | None:
    """Return the documented name of a class or function whose library gives other names inside, or None."""
    module_name = getattr(obj, "__module__", None)
    if not isinstance(module_name, str) or not module_name.startswith(("keras.src.", "tensorflow.python.")):
        return None
    found: str | None = importlib.import_module(_PUBLIC[module_name.partition(".")[0]]).public_name(obj)
    return found


def name_of(obj: Any) -> str | None:
    """Return the name under which an object is found again, or None.

    >>> import numpy as np
    >>> name_of(np.log1p)
    'numpy.log1p'
    """
    if isinstance(obj, np.ufunc):
        for module_name in ("numpy", "scipy.special"):
            module = sys.modules.get(module_name)
            if module is not None and getattr(module, obj.__name__, None) is obj:
                return f"{module_name}.{obj.__name__}"
        return None
    module_name = getattr(obj, "__module__", None)  # type: ignore[assignment]
    public = public_name(obj)
    if public is not None:
        return public
    qualname = getattr(obj, "__qualname__", None) or getattr(obj, "__name__", None)
    if not isinstance(module_name, str) or not isinstance(qualname, str) or "<" in qualname:
        return None
    owner: Any = sys.modules.get(module_name)
    # functions written in C may call themselves after the class that holds them, as torch.relu does
    for name in dict.fromkeys((qualname, qualname.rpartition(".")[2])):
        found: Any = owner
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is obj:
            return f"{module_name}.{name}"
        if not isinstance(obj, types.BuiltinFunctionType):
            break
    return None


def find(name: str, where: str) -> Any:
    """Import the object that a trusted name stands for. Called only with names that the plan has accepted.

    Raises:
        LibraryMissing: its module is not installed.
        UntrustedType: the module has no such object, or the object defines itself elsewhere.
    """
    known = _found.get(name)
    if known is not None and sys.modules.get(known[0]) is known[1]:
        return known[2]
    module_name, parts = split(name)
    try:
        found: Any = importlib.import_module(module_name)
    except ImportError as error:
        raise missing(name, error) from None
    for part in parts:
        try:
            found = getattr(found, part)
        except AttributeError:
            raise LibraryMissing(
                f"{where} needs {quoted(name)}, which {quoted(module_name)} as installed here does not have; "
                "install the version that the model was saved with (holdfast inspect shows it)"
            ) from None
    if name_of(found) != name:
        raise UntrustedType(f"{where}: {quoted(name)} is another name for {quoted(name_of(found))}; trust the defining name", names=(name,))
    _found[name] = (module_name, sys.modules[module_name], found)
    return found


_found: dict[str, tuple[str, Any, Any]] = {}
"""Names found before, with their module: valid while that very module is the imported one."""


def split(name: str) -> tuple[str, list[str]]:
    """Split an exact name into its module and the attributes below it, by what is imported or can be."""
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        module_name = ".".join(parts[:cut])
        try:
            importlib.import_module(module_name)
        except ImportError:
            continue
        return module_name, parts[cut:]
    return ".".join(parts[:-1]), parts[-1:]


DISTRIBUTIONS = {"sklearn": "scikit-learn", "imblearn": "imbalanced-learn", "jaxlib": "jax", "_catboost": "catboost", "PIL": "pillow", "cv2": "opencv-python", "yaml": "PyYAML", "skimage": "scikit-image"}
"""Top-level modules whose distribution has another name."""


def missing(name: str, error: ImportError) -> LibraryMissing:
    """Return the error for a library that is not installed, with the command that installs it."""
    top = name.partition(".")[0]
    return LibraryMissing(
        f"the model holds {quoted(name)}, and {quoted(top)} cannot be imported here ({quoted(error)}); "
        f"install it with: pip install {DISTRIBUTIONS.get(top, top)}"
    )


def find_live(name: str) -> Any:
    """Return the live object of a name from modules that are imported already, or None; imports nothing."""
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        found: Any = sys.modules.get(".".join(parts[:cut]))
        if found is None:
            continue
        for part in parts[cut:]:
            found = getattr(found, part, None)
        return found
    return None
