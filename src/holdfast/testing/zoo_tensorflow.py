"""A zoo of TensorFlow without Keras: variables, tensors, and a module that holds them.

The one rule: everything is seeded, so that a model and its answers are the same in every process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from holdfast.testing.specimen import Specimen


def _plain(value: Any) -> Any:
    array = np.asarray(value.numpy())
    return array.tolist() if array.dtype.hasobject or value.dtype.name == "string" else array.tobytes()


def _variables() -> Specimen:
    import tensorflow as tf

    rng = np.random.default_rng(0)
    names = ("float64", "float32", "float16", "bfloat16", "int8", "int32", "int64", "uint8", "bool", "complex64")
    values = {name: tf.Variable(tf.cast(rng.normal(size=(2, 3)) * 5, name), trainable=name.startswith("float"), name=name) for name in names}
    values["grows"] = tf.Variable([[1.0, 2.0]], shape=tf.TensorShape([None, 2]))

    def ask(one: Any) -> Any:
        one["grows"].assign([[1.0, 2.0], [3.0, 4.0]])
        return [[key, variable.name, variable.trainable, variable.dtype.name, str(variable.shape), _plain(variable)] for key, variable in one.items()]

    return Specimen(values, ask)


def _tensors() -> Specimen:
    import tensorflow as tf

    values = [tf.constant([1.5, 2.5]), tf.constant(["a", "ø", ""]), tf.constant(b"\xff\0"), tf.zeros([0, 2], tf.int16), tf.constant(1.0, tf.bfloat16), tf.float32, tf.TensorShape([None, 3])]
    return Specimen(values, lambda one: [_plain(each) if hasattr(each, "numpy") else str(each) for each in one])


def _generator() -> Specimen:
    import tensorflow as tf

    made = tf.random.Generator.from_seed(3)
    made.normal([2])

    def ask(one: Any) -> Any:
        copy = tf.random.Generator(state=one.state.numpy(), alg=one.algorithm)
        return copy.normal([4]).numpy()

    return Specimen({"philox": made}, lambda one: ask(one["philox"]))


def _module() -> Specimen:
    import tensorflow as tf

    rng = np.random.default_rng(0)
    module = tf.Module(name="net")
    module.weights = [tf.Variable(rng.normal(size=shape).astype("float32"), name="w") for shape in ((4, 5), (5, 2))]
    module.more = {"scale": tf.Variable(2.0, trainable=False), "sizes": (4, 5, 2)}
    module.inner = tf.Module()
    module.inner.bias = tf.Variable(tf.ones([2]), name="b")
    module.tied = module.weights[0]

    def ask(one: Any) -> Any:
        hidden = tf.nn.relu(np.ones((3, 4), "float32") @ one.weights[0])
        answer = hidden @ one.weights[1] * one.more["scale"] + one.inner.bias
        return [answer.numpy(), one.name, [variable.name for variable in one.variables], len(one.trainable_variables), one.tied is one.weights[0], len(one.submodules)]

    return Specimen(module, ask)


MAKERS: dict[str, Callable[[], Specimen]] = {
    "variables": _variables,
    "tensors": _tensors,
    "random generator": _generator,
    "tf.Module": _module,
}
"""Name -> what makes a specimen."""
