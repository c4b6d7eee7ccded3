"""Run in a child process: layers of PyTorch whose tensors or settings were altered, saved as genuine files would be, loaded, and asked.

The one rule: a load or a call may say no in an error; it may not bring the process down. The parent sees the exit code.
"""

from __future__ import annotations

import random
import sys
import warnings
from typing import Any

import numpy as np
import torch

import holdfast
from holdfast.errors import HoldfastError
from holdfast.frameworks import adapter, torch_
from holdfast.frameworks.adapter import Record, Shell
from holdfast.testing.specimen import makers
from holdfast.testing.zoo_torch import _LAYERS

NUMBERS = (-1, 0, 1, 2, 3, 7, 64, 1000)
"""Larger ones ask for more memory or time than there is, of a call and not of a load."""


def other_shape(array: Any, rng: random.Random) -> Any:
    """Return an array with one axis longer, shorter, gone or new."""
    way = rng.randrange(5)
    if way == 0 and array.ndim:
        return np.ascontiguousarray(array[:-1])
    if way == 1 and array.ndim:
        return np.concatenate([array, array])
    if way == 2:
        return array[None].copy()
    if way == 3 and array.ndim > 1:
        return np.ascontiguousarray(array.T)
    return array.reshape(-1).copy()


def main(count: int, seed: int, only: str | None = None) -> None:
    """Alter each layer of the zoo so many times."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    genuine_parameter, genuine_tensor = (torch_.ADAPTERS[name] for name in ("torch.nn.parameter.Parameter", "torch.Tensor"))
    genuine_packed = torch_.ADAPTERS["torch.ScriptObject"]
    genuine_module = torch_.FAMILIES["torch.nn.modules.module.Module"]
    loaded = refused = 0
    names = [*_LAYERS, *(name for name in makers("torch") if name.startswith("quantized"))]
    for name in [one for one in names if only is None or only in one]:
        specimen = makers("torch")[name]()
        for number in range(count):
            rng = random.Random(f"{name} {seed} {number}")
            state = {"left": 1, "which": rng.randrange(6), "kind": rng.choice(("tensor", "tensor", "setting"))}

            def tensor(one: Any, dump: Any, state: Any = state, rng: Any = rng) -> Any:
                fields = dump(one)
                state["which"] -= 1
                if state["kind"] == "tensor" and state["which"] < 0 and state["left"] and "array" in fields:
                    state["left"] = 0
                    fields = {**fields, "array": other_shape(fields["array"], rng)}
                return fields

            def packed(one: Any, state: Any = state, rng: Any = rng) -> Any:
                fields = genuine_packed.dump(one)
                numbers = fields.get("numbers")
                if state["kind"] == "setting" and state["left"] and numbers:
                    place = rng.randrange(len(numbers))
                    state["left"] = 0
                    fields = {**fields, "numbers": (*numbers[:place], rng.choice(NUMBERS), *numbers[place + 1 :])}
                return fields

            def settings(cls: type, state: Any = state, rng: Any = rng) -> Shell:
                made = genuine_module(cls)

                def dump(module: Any) -> Any:
                    fields = dict(made.dump(module))
                    whole = [key for key, value in fields.items() if type(value) in (int, tuple) and not key.startswith("_")]
                    if state["kind"] == "setting" and state["left"] and whole:
                        key = rng.choice(whole)
                        value = fields[key]
                        fields[key] = rng.choice(NUMBERS) if type(value) is int else tuple(rng.choice(NUMBERS) for _ in value)
                        state["left"] = 0
                    return fields

                return Shell(dump, made.make, made.fill)

            torch_.ADAPTERS["torch.nn.parameter.Parameter"] = Record(lambda one: tensor(one, genuine_parameter.dump), genuine_parameter.build)
            torch_.ADAPTERS["torch.Tensor"] = Record(lambda one: tensor(one, genuine_tensor.dump), genuine_tensor.build)
            torch_.ADAPTERS["torch.ScriptObject"] = Record(packed, genuine_packed.build)
            torch_.FAMILIES["torch.nn.modules.module.Module"] = settings
            adapter.family_adapter.cache_clear()
            try:
                blob = holdfast.dumps(specimen.model)
            except HoldfastError:
                continue
            finally:
                torch_.ADAPTERS["torch.nn.parameter.Parameter"], torch_.ADAPTERS["torch.Tensor"] = genuine_parameter, genuine_tensor
                torch_.ADAPTERS["torch.ScriptObject"] = genuine_packed
                torch_.FAMILIES["torch.nn.modules.module.Module"] = genuine_module
                adapter.family_adapter.cache_clear()
            sys.stderr.write(f"{name} {number} {state}\n")
            sys.stderr.flush()
            try:
                model = holdfast.loads(blob, copy=True)
            except HoldfastError:
                refused += 1
                continue
            loaded += 1
            try:  # noqa: SIM105
                specimen.ask(model)
            except Exception:
                pass  # PyTorch may say no in its own words
    sys.stdout.write(f"{loaded} {refused}\n")


if __name__ == "__main__":
    import resource

    # a setting may ask for more memory than there is; that is an error and no crash
    resource.setrlimit(resource.RLIMIT_AS, (24 * 2**30, 24 * 2**30))
    main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
