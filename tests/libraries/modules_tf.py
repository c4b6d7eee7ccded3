"""Modules of TensorFlow as users write them."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


class Dense(tf.Module):
    """A layer with a traced call."""

    def __init__(self, width: int, units: int, name: str | None = None) -> None:
        super().__init__(name=name)
        self.weight = tf.Variable(tf.random.stateless_normal([width, units], (1, 2)), name="weight")
        self.bias = tf.Variable(tf.zeros([units]), name="bias")

    @tf.function
    def __call__(self, x: Any) -> Any:
        return tf.nn.relu(x @ self.weight + self.bias)


class Net(tf.Module):
    """Layers in lists, dicts and tuples, one of them twice."""

    def __init__(self) -> None:
        super().__init__(name="net")
        self.layers = [Dense(4, 5, "first"), [Dense(5, 5)]]
        self.heads = {"left": Dense(5, 2), "right": Dense(5, 1)}
        self.again = self.layers[1][0]
        self.sizes = (4, 5, (2, 1))
        self.step = tf.Variable(0, trainable=False, dtype=tf.int64)

    def __call__(self, x: Any) -> Any:
        hidden = self.again(self.layers[1][0](self.layers[0](x)))
        return {name: head(hidden) for name, head in self.heads.items()}


def train(net: Net, steps: int) -> list[float]:
    """Take steps of gradient descent; return the losses."""
    rows = tf.random.stateless_normal([20, 4], (3, 4))
    losses = []
    for _ in range(steps):
        with tf.GradientTape() as tape:
            answer = net(rows)
            loss = tf.reduce_mean((answer["left"] - 1.0) ** 2) + tf.reduce_mean(answer["right"] ** 2)
        variables = net.trainable_variables
        for variable, slope in zip(variables, tape.gradient(loss, variables), strict=True):
            variable.assign_sub(0.05 * slope)
        net.step.assign_add(1)
        losses.append(float(loss))
    return losses
