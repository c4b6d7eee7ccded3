"""A zoo of JAX, Flax and Optax: arrays, pytrees, nnx modules, linen modules with their variables, and states of optimizers.

The one rule: everything is seeded, so that a model and its answers are the same in every process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from holdfast.testing.specimen import Specimen


def _rows(*shape: int) -> Any:
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def _nnx(make: Callable[[Any, Any], Any], *shape: int) -> Specimen:
    from flax import nnx

    from holdfast.frameworks.jax_ import call

    return Specimen(make(nnx, nnx.Rngs(0)), lambda module: call(module, _rows(*shape)))


def _state() -> Specimen:
    from flax import nnx

    state = nnx.state(nnx.Linear(3, 2, rngs=nnx.Rngs(0)))
    return Specimen(state, lambda one: [np.asarray(leaf) for leaf in nnx.to_pure_dict(one).values()])


def _linen(make: Callable[[Any], Any], *shape: int) -> Specimen:
    import jax
    from flax import linen

    module = make(linen)
    variables = module.init(jax.random.key(0), _rows(*shape))
    return Specimen({"module": module, "variables": variables}, lambda one: np.asarray(one["module"].apply(one["variables"], _rows(*shape))))


def _optimizer(make: Callable[[Any], Any]) -> Specimen:
    import jax
    import optax

    params = {"w": jax.numpy.asarray(_rows(3, 2)), "b": jax.numpy.zeros(2)}
    rule = make(optax)
    state = rule.init(params)

    def step(params: Any, state: Any) -> tuple[Any, Any]:
        grads = jax.tree.map(lambda one: one * 0.1 + 1.0, params)
        updates, state = rule.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    params, state = step(params, state)

    def ask(one: Any) -> Any:
        params, state = step(one["params"], one["state"])
        params, _ = step(params, state)
        return jax.tree.map(np.asarray, params)

    return Specimen({"params": params, "state": state}, ask)


def _pytree() -> Specimen:
    import jax
    from flax.core import FrozenDict

    jnp = jax.numpy
    tree = {"layers": [jnp.asarray(_rows(2, 3)), (jnp.ones(2, jnp.bfloat16), jnp.arange(3, dtype=jnp.int8))], "key": jax.random.key(7), "old key": jax.random.PRNGKey(3),
            "frozen": FrozenDict({"a": jnp.float32(2.0)}), "weak": jnp.asarray(1.5)}  # fmt: skip
    return Specimen(tree, lambda one: [*(np.asarray(leaf).tobytes() for leaf in jax.tree.leaves((one["layers"], one["frozen"], one["old key"]))), np.asarray(jax.random.normal(one["key"], 3)), one["weak"].weak_type])


MAKERS: dict[str, Callable[[], Specimen]] = {
    "pytree": _pytree,
    "nnx Linear": lambda: _nnx(lambda nnx, rngs: nnx.Linear(4, 3, rngs=rngs), 2, 4),
    "nnx Sequential": lambda: _nnx(lambda nnx, rngs: nnx.Sequential(nnx.Linear(4, 5, rngs=rngs), nnx.BatchNorm(5, rngs=rngs), nnx.relu, nnx.Dropout(0.3, rngs=rngs), nnx.Linear(5, 2, use_bias=False, rngs=rngs)), 2, 4),
    "nnx Conv": lambda: _nnx(lambda nnx, rngs: nnx.Sequential(nnx.Conv(3, 4, (3, 3), rngs=rngs), nnx.GroupNorm(4, 2, rngs=rngs), nnx.gelu, nnx.ConvTranspose(4, 2, (2, 2), rngs=rngs)), 1, 6, 6, 3),
    "nnx attention": lambda: _nnx(lambda nnx, rngs: nnx.MultiHeadAttention(2, 4, decode=False, rngs=rngs), 2, 3, 4),
    "nnx norms": lambda: _nnx(lambda nnx, rngs: nnx.Sequential(nnx.LayerNorm(4, rngs=rngs), nnx.RMSNorm(4, rngs=rngs)), 2, 4),
    "nnx state": _state,
    "linen Dense": lambda: _linen(lambda nn: nn.Dense(3), 2, 4),
    "linen Sequential": lambda: _linen(lambda nn: nn.Sequential([nn.Dense(5), nn.relu, nn.LayerNorm(), nn.Dense(2, use_bias=False)]), 2, 4),
    "linen Conv": lambda: _linen(lambda nn: nn.Conv(3, (3, 3), padding="SAME"), 1, 5, 5, 2),
    "Adam": lambda: _optimizer(lambda optax: optax.adam(0.1)),
    "AdamW in a chain": lambda: _optimizer(lambda optax: optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(optax.cosine_decay_schedule(0.1, 10)))),
    "SGD with momentum": lambda: _optimizer(lambda optax: optax.sgd(0.1, momentum=0.9, nesterov=True)),
    "Lion": lambda: _optimizer(lambda optax: optax.lion(0.1)),
    "Adafactor": lambda: _optimizer(lambda optax: optax.adafactor(0.1)),
    "injected rates": lambda: _optimizer(lambda optax: optax.inject_hyperparams(optax.rmsprop)(learning_rate=0.1)),
}  # fmt: skip
"""Name -> what makes a specimen."""
