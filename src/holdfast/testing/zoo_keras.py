"""A zoo of Keras models, on whatever backend Keras has: layers of every kind, models of every style, and what compiling adds.

The one rule: everything is seeded, so that a model and its answers are the same in every process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from holdfast.testing.specimen import Specimen


def _ask(inputs: Any) -> Callable[[Any], Any]:
    return lambda model: [model.predict(inputs, verbose=0), [v.name for v in model.weights], model.count_params()]


def _layers(shape: tuple[int, ...], make: Callable[[Any], list[Any]], whole: int = 0, fit: bool = False) -> Specimen:
    import keras

    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    rows = rng.integers(0, whole, (6, *shape)) if whole else rng.normal(size=(6, *shape)).astype("float32")
    model = keras.Sequential([keras.Input(shape, dtype="int32" if whole else "float32"), *make(keras.layers)])
    for variable in model.trainable_variables:  # what begins as zeros or ones would hide a mistake
        variable.assign(rng.normal(size=variable.shape) * 0.3)
    if fit:
        model.compile("sgd", "mse")
        model.fit(rows, np.zeros((6, *model.output_shape[1:])), verbose=0)
    return Specimen(model, _ask(rows))


def _functional() -> Specimen:
    import keras

    keras.utils.set_random_seed(0)
    left, right = keras.Input((4,), name="left"), keras.Input((3,), name="right")
    shared = keras.layers.Dense(5, activation="tanh", name="shared")
    joined = keras.layers.Concatenate()([shared(left), shared(keras.layers.Dense(4)(right))])
    out = keras.layers.Dense(2, name="out")(joined * 2.0 + keras.ops.abs(joined))
    model = keras.Model({"left": left, "right": right}, {"out": out, "sum": keras.ops.sum(out, axis=1)})
    rng = np.random.default_rng(0)
    return Specimen(model, _ask({"left": rng.normal(size=(5, 4)).astype("float32"), "right": rng.normal(size=(5, 3)).astype("float32")}))


def _trained(optimizer: Callable[[Any], Any], nested: bool = False, **compiled: Any) -> Specimen:
    import keras

    keras.utils.set_random_seed(0)
    body = keras.Sequential([keras.layers.Dense(6, activation="relu", kernel_regularizer="l2"), keras.layers.BatchNormalization()])
    head = [keras.layers.Dense(3, activation="softmax", kernel_constraint="max_norm")]
    model = keras.Sequential([keras.Input((4,)), *([body] if nested else body.layers), *head])
    model.compile(optimizer(keras.optimizers), **{"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"], **compiled})
    rng = np.random.default_rng(0)
    rows, y = rng.normal(size=(12, 4)).astype("float32"), np.arange(12) % 3
    model.fit(rows, y, epochs=2, batch_size=4, verbose=0, shuffle=False)

    def ask(model: Any) -> Any:
        keras.utils.set_random_seed(1)
        before = [keras.ops.convert_to_numpy(v.value).copy() for v in (*model.variables, *model.optimizer.variables)]
        losses = model.fit(rows, y, epochs=2, batch_size=4, verbose=0, shuffle=False).history
        for variable, value in zip((*model.variables, *model.optimizer.variables), before, strict=True):
            variable.assign(value)  # a model is as it was before it was asked
        return [model.predict(rows, verbose=0), losses]

    return Specimen(model, ask)


def _adapted() -> Specimen:
    import keras

    rows = np.random.default_rng(0).normal(size=(20, 4)).astype("float32") * 3 + 1
    layer = keras.layers.Normalization()
    layer.adapt(rows)
    model = keras.Sequential([keras.Input((4,)), layer, keras.layers.Discretization([-1.0, 0.0, 1.0])])
    return Specimen(model, _ask(rows))


def _mixed() -> Specimen:
    import keras

    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(5, dtype="mixed_bfloat16"), keras.layers.Dense(3, dtype="bfloat16"), keras.layers.Dense(2, dtype="float16")]
    model = keras.Sequential([keras.Input((4,)), *layers])
    rows = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    return Specimen(model, lambda one: [np.asarray(one.predict(rows, verbose=0)).astype("float32"), [str(v.dtype) for v in one.variables]])


MAKERS: dict[str, Callable[[], Specimen]] = {
    "sequential": lambda: _layers((4,), lambda of: [of.Dense(5, activation="relu"), of.Dropout(0.3), of.Dense(2)]),
    "activations": lambda: _layers((4,), lambda of: [of.Dense(6, activation="gelu"), of.LeakyReLU(), of.PReLU(), of.ELU(), of.Activation("swish"), of.ReLU(max_value=3.0), of.Softmax()]),
    "norms": lambda: _layers((4, 6), lambda of: [of.LayerNormalization(), of.GroupNormalization(2), of.UnitNormalization(), of.RMSNormalization(), of.BatchNormalization()], fit=True),
    "convolutions of a line": lambda: _layers((12, 3), lambda of: [of.Conv1D(4, 3, padding="same", activation="relu"), of.SeparableConv1D(4, 3), of.MaxPooling1D(), of.Conv1DTranspose(3, 2), of.GlobalAveragePooling1D()]),
    "convolutions of a plane": lambda: _layers((8, 8, 3), lambda of: [of.Conv2D(4, 3, strides=2), of.DepthwiseConv2D(2), of.SeparableConv2D(5, 1), of.UpSampling2D(), of.ZeroPadding2D(1), of.Conv2DTranspose(2, 2), of.AveragePooling2D(2), of.Flatten(), of.Dense(2)]),
    "convolutions of a cube": lambda: _layers((4, 4, 4, 2), lambda of: [of.Conv3D(3, 2), of.MaxPooling3D(2), of.GlobalMaxPooling3D()]),
    "recurrent": lambda: _layers((5, 3), lambda of: [of.LSTM(4, return_sequences=True), of.GRU(4, return_sequences=True, reset_after=False), of.Bidirectional(of.SimpleRNN(3, return_sequences=True)), of.TimeDistributed(of.Dense(2)), of.LSTM(2)]),
    "embedding": lambda: _layers((5,), lambda of: [of.Embedding(10, 4, mask_zero=True), of.LSTM(3), of.Dense(1)], whole=10),
    "reshapes": lambda: _layers((4, 6), lambda of: [of.Permute((2, 1)), of.Reshape((3, 8)), of.Cropping1D(1), of.Flatten(), of.RepeatVector(2), of.GaussianNoise(0.1), of.SpatialDropout1D(0.1), of.AlphaDropout(0.1)]),
    "functional": _functional,
    "normalised by data": _adapted,
    "mixed precision": _mixed,
    "trained by Adam": lambda: _trained(lambda of: of.Adam(0.01)),
    "trained by SGD with a schedule": lambda: _trained(lambda of: of.SGD(of.schedules.ExponentialDecay(0.1, 2, 0.9), momentum=0.9)),
    "trained by RMSprop, nested": lambda: _trained(lambda of: of.RMSprop(0.01, centered=True), nested=True),
    "trained by AdamW with an average": lambda: _trained(lambda of: of.AdamW(0.01, use_ema=True, clipnorm=1.0)),
    "trained with weights and classes": lambda: _trained(lambda of: of.Nadam(0.01), weighted_metrics=["accuracy"]),
}  # fmt: skip
"""Name -> what makes a specimen."""
