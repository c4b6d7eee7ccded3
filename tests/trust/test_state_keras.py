"""Descriptions of Keras models: what Keras writes passes, and each name, form of code and path that a file may not hold is refused.

The one rule: descriptions are altered in one place, and Keras is not imported; what is checked here is text alone.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from holdfast.errors import InvalidState
from holdfast.trust.state import keras as checks
from holdfast.trust.state.keras import check_keras
from tests.trust.live_state import at

Part = dict[str, Any]


def part(module: str, name: str, registered: str | None = None, /, **config: Any) -> Part:
    return {"module": module, "class_name": name, "config": config, "registered_name": registered}


def function(name: str, registered: str | None = None) -> Part:
    return {"module": "builtins", "class_name": "function", "config": name, "registered_name": name if registered is None else registered}


def tensor(*history: Any) -> Part:
    return {"class_name": "__keras_tensor__", "config": {"shape": [None, 3], "dtype": "float32", "keras_history": list(history)}}


def dense(**config: Any) -> Part:
    initializer = part("keras.initializers", "GlorotUniform", seed=None)
    return part("keras.layers", "Dense", units=3, activation="relu", kernel_initializer=initializer, dtype=part("keras", "DTypePolicy", name="float32"), **config)


GENUINE = part(
    "keras", "Sequential", name="sequential",
    layers=[
        part("keras.layers", "InputLayer", batch_shape=[None, 4], name="input"),
        dense(kernel_regularizer=part("keras.regularizers", "L2", l2=0.01)),
        part("acme.layers", "Scaled", "acme>Scaled", factor=2.0),
        part("acme.layers", "Bare", units=1),
        dense(activity_regularizer=function("acme>squares")),
        part("keras.layers", "StringLookup", vocabulary=["a", "b"], idf_weights={"class_name": "__numpy__", "config": {"value": [1.0], "dtype": "float32"}}),
    ],
) | {
    "build_config": {"input_shape": [None, 4]},
    "inbound_nodes": [{"args": [[tensor("input", 0, 0), {"class_name": "__ellipsis__", "config": {}}]], "kwargs": {"mask": None}}],
    "compile_config": {
        "optimizer": part("keras.optimizers", "Adam", "Adam", learning_rate=0.01),
        "loss": {"class_name": "MeanSquaredError", "config": {"reduction": "sum"}},
        "metrics": ["accuracy"],
    },
}  # fmt: skip
NAMED = {
    f"keras.{name}" for name in (
        "Sequential", "DTypePolicy", "MeanSquaredError", "layers.InputLayer", "layers.Dense", "layers.StringLookup", "initializers.GlorotUniform", "regularizers.L2", "optimizers.Adam",
    )
}  # fmt: skip
CUSTOM = {"acme>Scaled": "acme.layers.Scaled", "Bare": "acme.layers.Bare", "acme>squares": "acme.losses.squares"}


def check(description: Any, named: Any = NAMED, custom: Any = CUSTOM) -> dict[str, Any]:
    return check_keras(json.dumps(description), named, custom, "x")


def refused(text: Any, said: str) -> None:
    with pytest.raises(InvalidState, match=at("x")) as caught:
        check_keras(text, NAMED, CUSTOM, "x")
    assert said in caught.value.message


# -- genuine ones --------------------------------------------------------------------------------------------------------


def test_a_genuine_description_passes_and_is_returned() -> None:
    assert check(GENUINE) == GENUINE


@pytest.mark.parametrize("name", sorted(NAMED))
def test_each_class_has_to_stand_beside_it(name: str) -> None:
    with pytest.raises(InvalidState, match=f"its description names '{name}', which does not stand beside it"):
        check(GENUINE, NAMED - {name})


@pytest.mark.parametrize("name", sorted(CUSTOM))
def test_each_class_of_one_s_own_has_to_stand_beside_it(name: str) -> None:
    with pytest.raises(InvalidState, match="which does not stand beside it"):
        check(GENUINE, NAMED, {key: value for key, value in CUSTOM.items() if key != name})


# -- what is refused -------------------------------------------------------------------------------------------------------


def layer(number: int, **fields: Any) -> Callable[[Part], None]:
    return lambda made: made["config"]["layers"][number].update(fields)


def config(number: int, **fields: Any) -> Callable[[Part], None]:
    return lambda made: made["config"]["layers"][number]["config"].update(fields)


def replaced(number: int, by: Any) -> Callable[[Part], None]:
    return lambda made: made["config"]["layers"].__setitem__(number, by)


def nested(levels: int, inner: Any) -> Any:
    for level in range(levels):
        inner = [inner] if level % 2 else {"inner": inner}
    return inner


BESIDE = "which does not stand beside it"
DESCRIPTIONS: dict[str, tuple[Callable[[Part], Any], str]] = {
    "a layer that is not named": (layer(1, class_name="Conv2D"), f"its description names 'keras.layers.Conv2D', {BESIDE}"),
    "a layer of another module": (layer(1, module="keras.activations"), f"its description names 'keras.activations.Dense', {BESIDE}"),
    "a layer of a module inside Keras": (layer(1, module="keras.src.layers.core.dense"), f"'keras.src.layers.core.dense.Dense', {BESIDE}"),
    "a class of any module": (replaced(1, part("os", "system")), f"its description names 'os.system' as 'system', {BESIDE}"),
    "a class of a module that begins as Keras does": (layer(1, module="keras_hub.layers"), f"its description names 'keras_hub.layers.Dense' as 'Dense', {BESIDE}"),
    "a class under the name of another": (layer(2, module="acme.other"), f"its description names 'acme.other.Scaled' as 'acme>Scaled', {BESIDE}"),
    "a class under another name": (layer(2, registered_name="acme>More"), f"its description names 'acme.layers.Scaled' as 'acme>More', {BESIDE}"),
    "a class of one's own without its name": (layer(2, registered_name=None), f"its description names 'acme.layers.Scaled' as 'Scaled', {BESIDE}"),
    "a layer of Keras under the name of one's own": (layer(1, registered_name="acme>Scaled"), "'Dense' says that it is Keras' own, and is registered as 'acme>Scaled'"),
    "a layer of Keras under a number": (layer(1, registered_name=5), "'Dense' says that it is Keras' own, and is registered as '5'"),
    "a model of Keras under the name of one's own": (lambda made: made.update(registered_name="Bare"), "'Sequential' says that it is Keras' own, and is registered as 'Bare'"),
    "a loss in its short form": (lambda made: made["compile_config"]["loss"].update(class_name="Other"), f"its description names 'keras.Other', {BESIDE}"),
    "a function that is not named": (config(4, activity_regularizer=function("cubes")), f"its description names the function 'cubes', {BESIDE}"),
    "a function under the name of another": (config(4, activity_regularizer=function("cubes", "acme>squares")), f"its description names the function 'cubes', {BESIDE}"),
    "a function without a name": (config(4, activity_regularizer={"module": "builtins", "class_name": "function"}), "a function in its description has no name"),
    "a function whose name is a dict": (config(4, activity_regularizer={"class_name": "function", "config": {"name": "squares"}}), "a function in its description has no name"),
    **{f"a {name[13:]}": (replaced(1, part("keras.layers", name[13:])), f"it holds a {name}, which is code; no file that holds one is loaded") for name in sorted(checks.NEVER)},
    "a lambda": (config(1, activation={"class_name": "__lambda__", "config": {"value": "x"}}), "its description holds a '__lambda__', which is code"),
    "a lambda inside a list": (config(1, more=[[{"class_name": "__lambda__"}]]), "its description holds a '__lambda__', which is code"),
    "a lambda inside a value": (config(1, more={"class_name": "__slice__", "config": {"start": {"class_name": "__lambda__"}}}), "its description holds a '__lambda__', which is code"),
    "a type specification": (config(1, more={"class_name": "__typespec__", "spec_name": "x"}), "its description holds a '__typespec__', which is code"),
    "a class that is a number": (layer(1, class_name=5), "its description holds a '5', which is code"),
    "a class that is a list": (layer(1, class_name=["Dense"]), "which is code"),
    "a class inside a value": (config(1, more={"class_name": "__numpy__", "config": part("keras.layers", "Conv2D")}), f"its description names 'keras.layers.Conv2D', {BESIDE}"),
    "a class where text stands": (config(1, name=part("keras.layers", "Conv2D")), f"its description names 'keras.layers.Conv2D', {BESIDE}"),
    "a class beside the config": (lambda made: made.update(more=part("keras.layers", "Conv2D")), f"its description names 'keras.layers.Conv2D', {BESIDE}"),
    **{f"a path as {name}": (config(5, **{name: "/etc/passwd"}), f"{name} is a path, and loading a model opens no file but its own") for name in sorted(checks.PATHS)},
    "a path in a value": (config(1, more=[{"vocabulary": "/etc/passwd"}]), "vocabulary is a path, and loading a model opens no file but its own"),
    "lists and dicts without end": (config(1, more=nested(checks.DEPTH, "x")), f"its description nests deeper than {checks.DEPTH}"),
    "a class behind them": (config(1, more=nested(checks.DEPTH, part("os", "system"))), f"its description nests deeper than {checks.DEPTH}"),
}  # fmt: skip


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_a_description_that_names_what_it_may_not_is_refused(name: str) -> None:
    change, said = DESCRIPTIONS[name]
    made = copy.deepcopy(GENUINE)
    change(made)
    refused(json.dumps(made), said)


@pytest.mark.parametrize("name", sorted(checks.NEVER))
def test_what_is_code_is_refused_though_it_stands_beside_it(name: str) -> None:
    made = part("keras.layers", name.rpartition(".")[2])
    with pytest.raises(InvalidState, match="which is code; no file that holds one is loaded"):
        check(made, {name}, {})


TEXTS: dict[str, tuple[Any, str]] = {
    "bytes": (b"{}", "its description is not text"),
    "a dict": ({}, "its description is not text"),
    "none": (None, "its description is not text"),
    "nothing": ("", "its description cannot be read"),
    "half": (json.dumps(GENUINE)[:-1], "its description cannot be read"),
    "a number that is none": ('{"class_name": NaN}', "its description cannot be read"),
    "letters that are none": ('{"class_name": "\ud800"}', "its description cannot be read"),
    "lists without end": ("[" * 100_000, "its description cannot be read"),
    "a list": ("[]", "its description is not a dict"),
    "text": ('"Dense"', "its description is not a dict"),
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_text_that_is_no_description_is_refused(name: str) -> None:
    text, said = TEXTS[name]
    refused(text, said)


def test_a_description_is_no_longer_than_any(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "LENGTH", 100)
    assert check_keras("{}" + " " * 98, (), {}, "x") == {}
    refused("{}" + " " * 99, "or longer than any")


def test_a_name_twice_is_read_as_it_will_be_built() -> None:
    text = '{"class_name": "Dense", "module": "keras.layers", "config": {}, "module": "os"}'
    refused(text, "its description names 'os.Dense' as 'Dense'")


@pytest.mark.parametrize(
    "more",
    [
        nested(checks.DEPTH - 4, "x"),
        {"vocabulary": None, "filename": 5},
        {"class_name": None, "config": {}},
        [{"class_name": name, "config": {"value": [1]}} for name in sorted(checks.VALUES)],
        "Lambda",
    ],
)
def test_what_is_no_class_passes(more: Any) -> None:
    made = copy.deepcopy(GENUINE)
    config(1, more=more)(made)
    assert check(made) == made
