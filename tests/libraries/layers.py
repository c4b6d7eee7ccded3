"""Keras layers, models and functions as users write them."""

from __future__ import annotations

from typing import Any

import keras


class Scaled(keras.layers.Layer):
    """A dense layer with a factor of its own."""

    def __init__(self, units: int, factor: float = 2.0, **options: Any) -> None:
        super().__init__(**options)
        self.units, self.factor = units, factor

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(shape=(shape[-1], self.units), initializer="glorot_uniform", name="kernel")

    def call(self, rows: Any) -> Any:
        return keras.ops.matmul(rows, self.kernel) * self.factor

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units, "factor": self.factor}


class TwoTowers(keras.Model):
    """A subclassed model."""

    def __init__(self, width: int = 4, **options: Any) -> None:
        super().__init__(**options)
        self.width = width
        self.left, self.right = keras.layers.Dense(width, activation="relu"), keras.layers.Dense(width)
        self.out = Scaled(1)

    def build(self, shape: Any) -> None:
        self.left.build(shape)
        self.right.build(shape)
        self.out.build((None, self.width))
        self.built = True

    def call(self, rows: Any) -> Any:
        return self.out(self.left(rows) + self.right(rows))

    def get_config(self) -> dict[str, Any]:
        return {"width": self.width, "name": self.name}


class Forgetful(keras.layers.Layer):
    """A layer that does not say what it was made with."""

    def __init__(self, table: Any, **options: Any) -> None:
        super().__init__(**options)
        self.table = table

    def call(self, rows: Any) -> Any:
        return rows


@keras.saving.register_keras_serializable("tests")
def squares(y: Any, out: Any) -> Any:
    """A loss of one's own."""
    return keras.ops.mean(keras.ops.square(y - out), axis=-1)


def not_registered(y: Any, out: Any) -> Any:
    """A loss that Keras was not told of."""
    return keras.ops.mean(keras.ops.abs(y - out), axis=-1)
