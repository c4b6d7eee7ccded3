"""TensorFlow without Keras: modules of users, and states that no tensor, variable or module has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.errors import InvalidState, UnsupportedModel, UntrustedType
from holdfast.frameworks.tensorflow_ import ADAPTERS, _module
from tests.libraries.modules_tf import Dense, Net, train

tf: Any = pytest.importorskip("tensorflow")
TRUSTED = [Net, Dense]


def test_a_module_of_a_user_answers_as_it_did_and_trains_on_to_the_same_losses() -> None:
    net = Net()
    train(net, 3)
    blob = holdfast.dumps(net)
    back = holdfast.loads(blob, trusted=TRUSTED)
    rows = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    for name, answer in net(rows).items():
        assert (back(rows)[name].numpy() == answer.numpy()).all()
    assert back.again is back.layers[1][0]
    assert back.name == "net"
    assert [one.name for one in back.variables] == [one.name for one in net.variables]
    assert [one.name for one in back.submodules] == [one.name for one in net.submodules]
    assert back.sizes == (4, 5, (2, 1))
    assert train(back, 5) == train(net, 5)
    assert int(back.step) == 8


def test_it_can_be_saved_as_a_checkpoint_of_tensorflow_after_it_was_loaded(tmp_path: Any) -> None:
    net = Net()
    train(net, 1)
    back = holdfast.loads(holdfast.dumps(net), trusted=TRUSTED)
    path = tf.train.Checkpoint(model=back).write(str(tmp_path / "checkpoint"))
    other = Net()
    tf.train.Checkpoint(model=other).read(path).assert_consumed()
    assert (other.layers[0].weight.numpy() == net.layers[0].weight.numpy()).all()


def test_a_class_of_a_user_is_not_trusted_by_itself() -> None:
    with pytest.raises(UntrustedType, match=r"modules_tf\.Net"):
        holdfast.loads(holdfast.dumps(Net()))


def test_a_part_is_loaded_alone() -> None:
    net = Net()
    part = holdfast.loads(holdfast.dumps(net), part="heads.left.weight")
    assert (part.numpy() == net.heads["left"].weight.numpy()).all()


def test_a_predictor_answers_by_the_names_of_the_outputs() -> None:
    net = Net()
    answer = holdfast.predictor(holdfast.dumps(net), trusted=TRUSTED).predict(np.ones((2, 4)))
    assert (answer["left"] == net(np.ones((2, 4), "float32"))["left"].numpy()).all()


def test_what_has_no_form_is_refused_when_it_is_saved() -> None:
    with pytest.raises(UnsupportedModel, match="a constraint, which is code"):
        holdfast.dumps(tf.Variable(1.0, constraint=tf.nn.relu))
    with pytest.raises(UnsupportedModel, match="of dtype variant"):
        holdfast.dumps(tf.data.experimental.to_variant(tf.data.Dataset.range(3)))
    module = tf.Module()
    module.traced = tf.function(lambda x: x)
    with pytest.raises(UnsupportedModel):
        holdfast.dumps(module)


VARIABLE = {"dtype": "float32", "array": np.ones(2, "<f4"), "name": "w", "trainable": True, "lengths": (2,), "synchronization": "AUTO", "aggregation": "NONE"}


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("Tensor", {"dtype": "float32", "array": np.ones(2)}),
        ("Tensor", {"dtype": "resource", "array": np.ones(2, "<f4")}),
        ("Tensor", {"dtype": "float32", "array": [1.0]}),
        ("Tensor", {"dtype": "string", "texts": ["text"], "shape": (1,)}),
        ("Tensor", {"dtype": "string", "texts": [b"a"], "shape": (2,)}),
        ("Tensor", {"dtype": "string", "texts": [], "shape": (-1, 0)}),
        ("Tensor", {"dtype": "string", "texts": [b"a"], "shape": (1,) * 33}),
        ("Tensor", {"dtype": "string", "texts": [], "shape": (2**33, 2**31)}),
        ("Variable", {**VARIABLE, "lengths": (3,)}),
        ("Variable", {**VARIABLE, "synchronization": "SOMETIMES"}),
        ("Variable", {**VARIABLE, "aggregation": "__class__"}),
        ("DType", {"name": "no dtype"}),
        ("TensorShape", {"lengths": (-2,)}),
        ("TensorShape", {"lengths": ("a",)}),
        ("random.Generator", {"state": np.ones(3, "<i4"), "algorithm": 1}),
        ("random.Generator", {"state": np.ones(9, "<i8"), "algorithm": 1}),
        ("random.Generator", {"state": np.ones(3, "<i8"), "algorithm": 7}),
    ],
)
def test_a_state_that_none_has_is_refused(kind: str, fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidState):
        ADAPTERS[f"tensorflow.{kind}"].build(fields)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "fields",
    [{"[name]": "no name"}, {"[name]": "m", "_self_setattr_tracking": False}, {"[name]": "m", "__call__": 1}, {"[name]": "m", "variables": 1}],
    ids=["name", "tracking", "call", "property"],
)
def test_a_module_with_what_modules_do_not_keep_is_refused(fields: dict[str, Any]) -> None:
    adapter = _module(Dense)
    made = adapter.make()
    with pytest.raises(InvalidState):
        adapter.fill(made, fields)
