"""Run in a child process: altered states of boosters, each saved as a genuine file would be, loaded, and asked when it loads.

The one rule: what a load refuses is typed, and what it lets through does not bring the process down. The parent sees the exit code.
"""

from __future__ import annotations

import copy
import random
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import holdfast
from holdfast.errors import HoldfastError
from holdfast.frameworks.adapter import Record, Shell
from holdfast.testing.specimen import makers

NUMBERS = (-1, 0, 1, 2, 3, 7, 127, 255, 1000, 65_535, 2**24, 2**31 - 1, -(2**31), 2**62)
TEXTS = ("", "0", "-1", "1", "2", "7", "1000000", "4294967296", "99999999999999999999", "nan", "[1,2]", "[", "x" * 40, "gpu_hist", "cuda:7", "\x00")


def places(value: Any) -> list[tuple[Any, Any]]:
    """Return every (container, key) below a value, arrays as a whole."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        one = waiting.pop()
        keys = list(one) if type(one) is dict else range(len(one))
        for key in keys:
            found.append((one, key))
            if type(one[key]) in (dict, list) and len(one[key]):
                waiting.append(one[key])
    return found


def altered(state: Any, rng: random.Random) -> str:
    """Change one thing inside a state, and return what."""
    found = places(state)
    if type(state.get("model")) is np.ndarray and rng.random() < 0.8:
        found = [(state, "model")]  # bytes that are all of a booster weigh more than its attributes
    arrays = [(c, k) for c, k in found if type(c[k]) is np.ndarray and len(c[k])]
    container, key = rng.choice(arrays) if arrays and rng.random() < 0.7 else rng.choice(found)
    value = container[key]
    if type(value) is bytes or (type(value) is np.ndarray and value.dtype == np.uint8 and len(value) > 64):
        raw = bytearray(value)
        for _ in range(rng.choice((1, 1, 1, 4))):
            way, at = rng.randrange(5), rng.randrange(len(raw))
            if way == 0:
                raw[at] ^= 1 << rng.randrange(8)
            elif way == 1:
                raw[at] = rng.choice(b"-0129e. \n=\x00\xff")
            elif way == 2:
                del raw[at : at + rng.choice((1, 2, 8, 100))]
            elif way == 3:
                raw[at:at] = raw[at : at + rng.choice((1, 2, 8, 100))]
            else:
                raw[at : at + 4] = rng.choice(NUMBERS).to_bytes(9, "little", signed=True)[:4]
            if not raw:
                break
        container[key] = bytes(raw) if type(value) is bytes else np.frombuffer(bytes(raw), np.uint8).copy()
    elif type(value) is np.ndarray and len(value):
        array = value.copy()
        way = rng.randrange(6)
        if way == 0:
            array = array[:-1]
        elif way == 1:
            array = np.concatenate([array, array[:1]])
        else:
            at = rng.randrange(len(array))
            if array.dtype.kind == "f":
                array[at] = rng.choice((np.nan, np.inf, -np.inf, 0, 1e38, -1))
            else:
                with np.errstate(all="ignore"):
                    array[at] = np.array(rng.choice(NUMBERS) if way < 5 else int(array[at]) + rng.choice((-1, 1, 2)), np.int64).astype(array.dtype)
        container[key] = array
    elif type(value) is str:
        container[key] = rng.choice((*TEXTS, value + "0", value[:-1]))
    elif type(value) is int:
        container[key] = rng.choice((*NUMBERS[:13], value + 1, value - 1))
    elif type(value) is list and value:
        way = rng.randrange(3)
        container[key] = value[:-1] if way == 0 else [*value, value[0]] if way == 1 else value[::-1]
    elif type(value) is dict and value and rng.random() < 0.5:
        del value[rng.choice(list(value))]
    else:
        container[key] = rng.choice((None, 0, "x", [], {}))
    return f"{key}"


def patched(table: dict[str, Any], name: str, alter: Callable[[Any], None]) -> Any:
    """Put in place of an adapter one that alters what it dumps; return the genuine one."""
    genuine = table[name]

    def dump(model: Any) -> Any:
        state = copy.deepcopy(genuine.dump(model))
        alter(state)
        return state

    table[name] = Record(dump, genuine.build) if isinstance(genuine, Record) else Shell(dump, genuine.make, genuine.fill)
    return genuine


def main(library: str, module: str, kind: str, specimen: str, count: int, seed: int) -> None:
    import importlib

    warnings.simplefilter("ignore")
    table = importlib.import_module(module).ADAPTERS
    made = makers(library)[specimen]()
    loaded = refused = 0
    for number in range(count):
        rng = random.Random(f"{library} {specimen} {seed} {number}")
        times = rng.choice((1, 1, 1, 2))
        said: list[str] = []
        genuine = patched(table, kind, lambda state: said.extend(altered(state, rng) for _ in range(times)))  # noqa: B023
        try:
            blob = holdfast.dumps(made.model)
        except HoldfastError:
            continue
        finally:
            table[kind] = genuine
        sys.stderr.write(f"{number} {said}\n")
        sys.stderr.flush()
        try:
            model = holdfast.loads(blob)
        except HoldfastError:
            refused += 1
            continue
        loaded += 1
        try:  # noqa: SIM105
            made.ask(model)
        except Exception:
            pass  # the library may say no in its own words; it may not bring the process down
    sys.stdout.write(f"{loaded} {refused}\n")


if __name__ == "__main__":
    main(*sys.argv[1:5], int(sys.argv[5]), int(sys.argv[6]))  # type: ignore[arg-type]
