"""The fuzz target: any bytes, loaded and looked at, end in a model or in a HoldfastError.

Started by ``fuzz/run.py``. Half of the inputs are ordinary mutations of bytes, which digests stop early; the others change
the tree, the header or the manifest of a file and seal it again, so that coverage reaches graph, plan and build.
"""

from __future__ import annotations

import collections
import random
import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

with atheris.instrument_imports(include=["holdfast"]):
    import holdfast
    import holdfast.api
    import holdfast.artifact.inspect
    import holdfast.frameworks.numpy_
    import holdfast.frameworks.pandas_
    import holdfast.frameworks.python_
    import holdfast.frameworks.scipy_
    import holdfast.frameworks.sklearn_
    import holdfast.trust.plan
    import holdfast.values.paths
    from holdfast.errors import HoldfastError

from tests.hostile.crafted import altered, taken
from tests.hostile.mutations import Mutator, sealed_again, with_tree


def one_input(data: bytes) -> None:
    """Load and inspect; whatever is not a HoldfastError ends the run."""
    for act in (lambda: str(holdfast.inspect(data)), lambda: holdfast.loads(data, copy=True)):
        try:
            act()
        except HoldfastError as error:
            str(error)


whole: collections.deque[bytes] = collections.deque(maxlen=500)
"""Inputs that were files, to go on from when an input is none any more."""


def mutate(data: bytes, most: int, seed: int) -> bytes:
    """Return a new input: bytes, or a part of a file that is sealed again."""
    source = random.Random(seed)
    way = source.random()
    if way < 0.2:
        return bytes(atheris.Mutate(data, most))
    try:
        taken(data)
        whole.append(data)
    except Exception:  # what is mutated need not be a file any more
        if not whole:
            return bytes(atheris.Mutate(data, most))
        data = source.choice(whole)
    try:
        if way < 0.6:
            made = sealed_again(data, Mutator(source))
        elif way < 0.8:
            made = with_tree(data, atheris.Mutate(taken(data).tree, most))
        elif way < 0.9:
            made = altered(data, header=lambda text: atheris.Mutate(text, most))
        else:
            made = altered(data, manifest=lambda text: atheris.Mutate(text, most))
    except Exception:
        made = data
    return made if len(made) <= most else bytes(atheris.Mutate(data, most))


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input, custom_mutator=mutate)
    atheris.Fuzz()
