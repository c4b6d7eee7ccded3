"""Recurrent layers of PyTorch: genuine ones pass, and each number, name or weight that the others do not ask for is refused.

The one rule: what is altered is a genuine layer, in one place; so nothing but that place can be what is refused.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest

import holdfast
from holdfast.errors import InvalidState
from holdfast.frameworks import adapter, torch_
from holdfast.frameworks.adapter import Shell
from holdfast.trust.state.torch_layers import GATES, MODES, check_attention, check_packed_recurrent, check_recurrent
from tests.trust.live_state import at

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # what the library says about ways that will end is not what is tested here

State = dict[str, Any]
Shapes = dict[str, tuple[int, ...] | None]
WAYS: dict[str, dict[str, Any]] = {
    "plain": {}, "two layers": {"num_layers": 2}, "both ways": {"bidirectional": True}, "no bias": {"bias": False},
    "all": {"num_layers": 3, "bidirectional": True, "batch_first": True, "dropout": 0.5}, "of one number": {"input_size": 1, "hidden_size": 1},
}  # fmt: skip


def more() -> dict[str, Callable[[], Any]]:
    def made(kind: str, **said: Any) -> Callable[[], Any]:
        return lambda: getattr(torch.nn, kind)(**{"input_size": 4, "hidden_size": 3, **said})

    return {
        **{f"{kind}, {way}": made(kind, **said) for kind in ("RNN", "LSTM", "GRU") for way, said in WAYS.items()},
        "RNN, by relu": made("RNN", nonlinearity="relu"),
        "LSTM, projected": made("LSTM", proj_size=2),
        "LSTM, projected, all": made("LSTM", proj_size=2, num_layers=3, bidirectional=True, bias=False),
    }


PLAIN, DEEP, BARE, PROJECTED = "LSTM, plain", "GRU, all", "RNN, no bias", "LSTM, projected"


@cache
def live(name: str) -> Any:
    torch.manual_seed(0)
    return more()[name]()


def kind(name: str) -> str:
    return type(live(name)).__name__


def genuine(name: str) -> tuple[State, Shapes]:
    layer = live(name)
    fields = {key: value for key, value in vars(layer).items() if key not in ("_parameters", "_buffers", "_modules", "_flat_weights")}
    return copy.deepcopy(fields), {key: tuple(value.shape) for key, value in layer.named_parameters()}


@pytest.mark.parametrize("name", more())
def test_genuine_layers_pass(name: str) -> None:
    check_recurrent(kind(name), *genuine(name), "x")


def test_all_modes_that_pytorch_has_are_known() -> None:
    assert {live(name).mode for name in more()} == set(GATES)
    assert {(kind(name), live(name).mode) for name in more()} == {(cls, mode) for cls, modes in MODES.items() for mode in modes}


# -- what is refused -------------------------------------------------------------------------------------------------------


def said_of(**fields: Any) -> Callable[[State, Shapes], None]:
    return lambda state, shapes: state.update(fields)


def without(name: str) -> Callable[[State, Shapes], None]:
    return lambda state, shapes: state.pop(name) and None


def shape(name: str, *lengths: int) -> Callable[[State, Shapes], None]:
    return lambda state, shapes: shapes.update({name: lengths})


def as_other(name: str) -> Callable[[State, Shapes], None]:
    """Return what puts all of another layer in the place of a layer: its weights are those of its mode, and not those of its class."""

    def change(state: State, shapes: Shapes) -> None:
        fields, others = genuine(name)
        state.update(fields)
        shapes.clear()
        shapes.update(others)

    return change


NAMES = "the names of its weights are not those that its numbers ask for"
WEIGHTS = "its weights are not those that its numbers ask for"
MORE = "and its numbers ask for more"
LAYERS: dict[str, tuple[str, Callable[[State, Shapes], Any], str]] = {
    "no mode": (PLAIN, without("mode"), "mode is missing"),
    "an unknown mode": (PLAIN, said_of(mode="MGU"), "mode is MGU, one of LSTM is expected"),
    "the mode of another layer": (PLAIN, said_of(mode="GRU"), "mode is GRU, one of LSTM is expected"),
    **{
        f"a {other} as {one.partition(',')[0]}": (one, as_other(other), f"one of {', '.join(MODES[one.partition(',')[0]])} is expected")
        for one in ("RNN, plain", "LSTM, plain", "GRU, plain") for other in ("RNN, plain", "LSTM, plain", "GRU, plain") if one != other
    },
    "a projection of a layer that has none": ("GRU, plain", said_of(proj_size=2), "proj_size is 2, outside 0..0"),
    "no inputs": (PLAIN, said_of(input_size=0), "input_size is 0, outside 1..2147483647"),
    "inputs below zero": (PLAIN, said_of(input_size=-4), "input_size is -4, outside 1..2147483647"),
    "inputs without end": (PLAIN, said_of(input_size=2**31), "input_size is 2147483648, outside 1..2147483647"),
    "inputs that are a float": (PLAIN, said_of(input_size=4.0), "input_size is of type float, an integer is expected"),
    "other inputs": (PLAIN, said_of(input_size=5), "weight_ih_l0 has shape (12, 4), (12, 5) expected"),
    "nothing hidden": (PLAIN, said_of(hidden_size=0), "hidden_size is 0, outside 1..2147483647"),
    "more hidden": (PLAIN, said_of(hidden_size=4), "weight_ih_l0 has shape (12, 4), (16, 4) expected"),
    "no layers": (PLAIN, said_of(num_layers=0), "num_layers is 0, outside 1..2147483647"),
    "layers that are true": (PLAIN, said_of(num_layers=True), "num_layers is of type bool, an integer is expected"),
    "a layer more": (PLAIN, said_of(num_layers=2), NAMES),
    "a layer less": (DEEP, said_of(num_layers=2), NAMES),
    "layers that nothing asks for": (PLAIN, said_of(num_layers=10_000), f"it has 4 weights, {MORE}"),
    "layers without end": (PLAIN, said_of(num_layers=10_001), "num_layers is 10001, more than 10000"),
    "a projection below zero": (PLAIN, said_of(proj_size=-1), "proj_size is -1, outside 0..3"),
    "a projection to more": (PROJECTED, said_of(proj_size=4), "proj_size is 4, outside 0..3"),
    "a projection that has no weights": (PLAIN, said_of(proj_size=2), NAMES),
    "a projection less": (PROJECTED, said_of(proj_size=0), NAMES),
    "a projection to others": (PROJECTED, said_of(proj_size=1), "weight_hh_l0 has shape (12, 2), (12, 1) expected"),
    "one way of two": (DEEP, said_of(bidirectional=False), NAMES),
    "a way that is a number": (PLAIN, said_of(bidirectional=1), "bidirectional is of type int, true or false is expected"),
    "a bias that is not there": (BARE, said_of(bias=True), NAMES),
    "a bias that nothing adds": (PLAIN, said_of(bias=False), NAMES),
    "names in another order": (PLAIN, lambda s, w: s["_flat_weights_names"].reverse(), NAMES),
    "a name less": (PLAIN, lambda s, w: s["_flat_weights_names"].pop(), NAMES),
    "a name of another attribute": (PLAIN, lambda s, w: s["_flat_weights_names"].__setitem__(0, "__class__"), NAMES),
    "a name of a layer less": (PLAIN, lambda s, w: s["_all_weights"][0].pop(), NAMES),
    "names of a layer twice": (PLAIN, lambda s, w: s["_all_weights"].append(s["_all_weights"][0]), NAMES),
    "no names": (PLAIN, without("_flat_weights_names"), "_flat_weights_names is missing"),
    "no names of layers": (PLAIN, without("_all_weights"), "_all_weights is missing"),
    "a weight that is narrower": (PLAIN, shape("weight_ih_l0", 12, 3), "weight_ih_l0 has shape (12, 3), (12, 4) expected"),
    "a weight that is shorter": (PLAIN, shape("weight_hh_l0", 11, 3), "weight_hh_l0 has shape (11, 3), (12, 3) expected"),
    "a weight of one axis": (PLAIN, shape("weight_hh_l0", 36), "weight_hh_l0 has shape (36,), (12, 3) expected"),
    "a bias that is shorter": (PLAIN, shape("bias_hh_l0", 9), "bias_hh_l0 has shape (9,), (12,) expected"),
    "a weight of a later layer": (DEEP, shape("weight_ih_l2_reverse", 9, 3), "weight_ih_l2_reverse has shape (9, 3), (9, 6) expected"),
    "a projection that is longer": (PROJECTED, shape("weight_hr_l0", 3, 3), "weight_hr_l0 has shape (3, 3), (2, 3) expected"),
    "a weight that is none": (PLAIN, lambda s, w: w.update(bias_hh_l0=None), "bias_hh_l0 has shape None, (12,) expected"),
    "a weight less": (PLAIN, lambda s, w: w.pop("bias_hh_l0"), WEIGHTS),
    "a weight more": (PLAIN, shape("weight_ih_l1", 12, 3), WEIGHTS),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_that_does_not_fit_is_refused(name: str) -> None:
    layer, change, said = LAYERS[name]
    fields, shapes = genuine(layer)
    change(fields, shapes)
    with pytest.raises(InvalidState, match=at("x")) as caught:
        check_recurrent(kind(layer), fields, shapes, "x")
    assert said in caught.value.message


def test_a_weight_that_a_parametrization_makes_is_not_there() -> None:
    fields, shapes = genuine(PLAIN)
    fields["parametrizations"] = True
    del shapes["weight_hh_l0"]
    check_recurrent(kind(PLAIN), fields, shapes, "x")
    shapes["weight_ih_l0"] = (12, 3)
    with pytest.raises(InvalidState, match="weight_ih_l0 has shape"):
        check_recurrent(kind(PLAIN), fields, shapes, "x")


# -- packed weights --------------------------------------------------------------------------------------------------------

PACKED = {
    "LSTM": ("LSTM", {}), "GRU": ("GRU", {}), "LSTM, all": ("LSTM", {"num_layers": 2, "bidirectional": True}), "GRU, both ways": ("GRU", {"bidirectional": True}),
}  # fmt: skip


@cache
def packed(name: str) -> Any:
    from torch.ao.nn.quantized import dynamic

    cls, said = PACKED[name]
    return getattr(dynamic, cls)(4, 3, **said)


def genuine_packed(name: str) -> tuple[State, list[tuple[tuple[int, ...], ...]]]:
    layer = packed(name)
    fields = {key: value for key, value in vars(layer).items() if key not in ("_parameters", "_buffers", "_modules")}
    held = [one.param.__getstate__()[0][4] for one in layer._all_weight_values]
    return copy.deepcopy(fields), [tuple(tuple(one.__getstate__()[0][0].shape) for one in pair) for pair in held]


@pytest.mark.parametrize("name", PACKED)
def test_genuine_packed_layers_pass(name: str) -> None:
    check_packed_recurrent(PACKED[name][0], *genuine_packed(name), "x")
    holdfast.loads(holdfast.dumps(packed(name)), copy=True)


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("LSTM", lambda s, w: s.update(mode="GRU"), "mode is GRU, one of LSTM is expected"),
        ("GRU", lambda s, w: s.update(mode="LSTM"), "mode is LSTM, one of GRU is expected"),
        ("LSTM", lambda s, w: s.update(num_layers=2), "it has 1 packed weights, and its numbers ask for 2"),
        ("LSTM", lambda s, w: s.update(num_layers=2**31 - 1), "it has 1 packed weights, and its numbers ask for 2147483647"),
        ("LSTM", lambda s, w: s.update(num_layers=0), "num_layers is 0, outside 1.."),
        ("GRU, both ways", lambda s, w: s.update(bidirectional=False), "it has 2 packed weights, and its numbers ask for 1"),
        ("LSTM", lambda s, w: w.clear(), "it has 0 packed weights, and its numbers ask for 1"),
        ("LSTM", lambda s, w: s.update(hidden_size=4), "its packed weights 0 have shapes ((12, 4), (12, 3)), ((16, 4), (16, 4)) expected"),
        ("GRU", lambda s, w: s.update(input_size=5), "its packed weights 0 have shapes ((9, 4), (9, 3)), ((9, 5), (9, 3)) expected"),
        ("LSTM, all", lambda s, w: w.__setitem__(3, ((12, 3), (12, 3))), "its packed weights 3 have shapes ((12, 3), (12, 3)), ((12, 6), (12, 3)) expected"),
        ("LSTM", lambda s, w: w.__setitem__(0, (w[0][0], None)), "its packed weights 0 have shapes ((12, 4), None), ((12, 4), (12, 3)) expected"),
        ("LSTM", lambda s, w: w.__setitem__(0, w[0][:1]), "its packed weights 0 have shapes ((12, 4),), ((12, 4), (12, 3)) expected"),
    ],
)
def test_a_packed_layer_that_does_not_fit_is_refused(name: str, change: Callable[[State, Any], Any], said: str) -> None:
    fields, weights = genuine_packed(name)
    change(fields, weights)
    with pytest.raises(InvalidState, match=at("x")) as caught:
        check_packed_recurrent(PACKED[name][0], fields, weights, "x")
    assert said in caught.value.message


# -- attention ---------------------------------------------------------------------------------------------------------------


def attention() -> Any:
    torch.manual_seed(0)
    return torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, None),
        ({"num_heads": 8}, None),
        ({"num_heads": 0}, "num_heads is 0, outside 1.."),
        ({"num_heads": -2}, "num_heads is -2, outside 1.."),
        ({"num_heads": 2.0}, "num_heads is of type float, an integer is expected"),
        ({"num_heads": None}, "num_heads is of type NoneType, an integer is expected"),
        ({"num_heads": 3}, "embed_dim is 8, which 3 heads do not share"),
        ({"num_heads": 16}, "embed_dim is 8, which 16 heads do not share"),
        ({"embed_dim": 0}, "embed_dim is 0, outside 1.."),
        ({"embed_dim": -8}, "embed_dim is -8, outside 1.."),
    ],
)
def test_heads_that_do_not_share_their_width_are_refused(change: dict[str, Any], said: str | None) -> None:
    layer = attention()
    fields = {"embed_dim": layer.self_attn.embed_dim, "num_heads": layer.self_attn.num_heads, **change}
    for name, value in change.items():
        setattr(layer.self_attn, name, value)
    blob = holdfast.dumps(layer)
    if said is None:
        check_attention(fields, "x")
        holdfast.loads(blob, copy=True)
        return
    with pytest.raises(InvalidState, match=at("x")) as caught:
        check_attention(fields, "x")
    assert said in caught.value.message
    with pytest.raises(InvalidState) as caught:
        holdfast.loads(blob, copy=True)
    assert said in caught.value.message


def test_heads_that_are_not_there_are_refused() -> None:
    with pytest.raises(InvalidState, match="num_heads is missing"):
        check_attention({"embed_dim": 8}, "x")


# -- out of a file ---------------------------------------------------------------------------------------------------------


@contextmanager
def written_with(change: Callable[[State], Any]) -> Iterator[None]:
    """Let recurrent layers be saved with altered attributes."""
    family = "torch.nn.modules.module.Module"
    before = torch_.FAMILIES[family]

    def altered(cls: type) -> Any:
        made = before(cls)

        def dump(module: Any) -> Any:
            fields = dict(made.dump(module))
            if "mode" in fields:
                change(fields)
            return fields

        return Shell(dump, made.make, made.fill)

    torch_.FAMILIES[family] = altered
    adapter.family_adapter.cache_clear()
    try:
        yield
    finally:
        torch_.FAMILIES[family] = before
        adapter.family_adapter.cache_clear()


def parametrized() -> Any:
    torch.manual_seed(0)
    return torch.nn.utils.parametrizations.weight_norm(torch.nn.LSTM(4, 3), "weight_hh_l0")


def without_data() -> Any:
    return torch.nn.LSTM(4, 3, device="meta")


def tied() -> Any:
    layer = torch.nn.RNN(3, 3)
    layer.weight_hh_l0 = layer.weight_ih_l0
    return layer


FILES: dict[str, Callable[[], Any]] = {
    "plain": lambda: live(PLAIN), "deep": lambda: live(DEEP), "no data": without_data, "tied": tied, "parametrized": parametrized,
    "packed": lambda: packed("LSTM, all"), "two in one": lambda: torch.nn.ModuleList([torch.nn.GRU(4, 3), torch.nn.GRU(3, 4, 2)]),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_genuine_layer_is_loaded(name: str) -> None:
    holdfast.loads(holdfast.dumps(FILES[name]()), copy=True)


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("plain", lambda s: s.update(num_layers=0), r"num_layers is 0, outside 1\.\."),
        ("plain", lambda s: s.update(num_layers=2), NAMES),
        ("plain", lambda s: s["_parameters"].update(bias_hh_l0=torch.nn.Parameter(torch.zeros(9))), r"bias_hh_l0 has shape \(9,\), \(12,\) expected"),
        ("plain", lambda s: s["_parameters"].update(bias_hh_l0=None), r"bias_hh_l0 has shape None"),
        ("plain", lambda s: s.update({key: value for key, value in vars(live("GRU, plain")).items() if key in s}), "mode is GRU, one of LSTM is expected"),
        ("no data", lambda s: s.update(hidden_size=4), r"weight_ih_l0 has shape \(12, 4\), \(16, 4\) expected"),
        ("tied", lambda s: s.update(input_size=4), r"weight_ih_l0 has shape \(3, 3\), \(3, 4\) expected"),
        ("parametrized", lambda s: s.update(hidden_size=4), r"has shape \(12, 4\), \(16, 4\) expected"),
        ("packed", lambda s: s.update(num_layers=1), "it has 4 packed weights, and its numbers ask for 2"),
        ("packed", lambda s: s.update(hidden_size=2), "its packed weights 0 have shapes"),
        ("two in one", lambda s: s.update(hidden_size=3), r"\[?1\]?.*has shape"),
    ],
)
def test_a_file_of_a_layer_that_does_not_fit_is_refused(name: str, change: Callable[[State], Any], said: str) -> None:
    layer = FILES[name]()

    def copied(fields: State) -> None:
        fields["_parameters"] = dict(fields["_parameters"])
        change(fields)

    with written_with(copied):
        blob = holdfast.dumps(layer)
    with pytest.raises(InvalidState, match=said):
        holdfast.loads(blob, copy=True)
