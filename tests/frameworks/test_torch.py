"""PyTorch: every layer of ``torch.nn``, tensors of every kind, the user's own modules, training that goes on; and what is refused."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.errors import InvalidState, NotFound, UnsupportedModel, UntrustedType

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from holdfast.testing.specimen import Specimen  # noqa: E402
from holdfast.testing.zoo_torch import _LAYERS, layer  # noqa: E402
from tests.frameworks.nets import Looking, Memory, Tied, TwoHeads  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
ZOO: dict[str, Specimen] = {name: layer(name) for name in _LAYERS}


def bits(value: Any) -> Any:
    """Return what has to be equal of an answer, to the last bit."""
    if isinstance(value, tuple | list):
        return [bits(one) for one in value]
    if hasattr(value, "_asdict"):
        return bits(tuple(value))
    return None if value is None else (value.dtype, tuple(value.shape), value.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() if value.numel() else b"")


def same(a: Any, b: Any) -> bool:
    return (type(a), a.dtype, a.shape, a.stride() if a.layout is torch.strided else None, a.requires_grad, bits(a)) == (
        type(b), b.dtype, b.shape, b.stride() if b.layout is torch.strided else None, b.requires_grad, bits(b))  # fmt: skip


# -- modules -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ZOO)
def test_every_layer_answers_the_same_and_is_saved_the_same_again(name: str) -> None:
    before = ZOO[name]
    blob = holdfast.dumps(before.model)
    module = holdfast.loads(blob, copy=True)
    assert type(module) is type(before.model)
    assert str(module) == str(before.model)
    assert vars(module).keys() == vars(before.model).keys()
    assert holdfast.dumps(module) == blob
    assert bits(before.ask(module)) == bits(before.ask(before.model))
    there, here = module.state_dict(), before.model.state_dict()
    assert list(there) == list(here)
    assert all(same(there[key], here[key]) for key in here)


def test_every_class_of_layers_is_in_the_zoo() -> None:
    from torch.nn import modules

    classes = {getattr(modules, name) for name in modules.__all__}
    concrete = {cls.__name__ for cls in classes if not cls.__name__.startswith("Lazy")} - {"Module", "Container", "NLLLoss2d", "RNNBase", "RNNCellBase", "LinearCrossEntropyOptions"}
    assert concrete - {type(one.model).__name__ for one in ZOO.values()} == set()


def test_parameters_train_on() -> None:
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.BatchNorm1d(5), torch.nn.Linear(5, 1))
    back = holdfast.loads(holdfast.dumps(net), copy=True)
    assert back.training
    x, y = torch.randn(8, 6), torch.randn(8, 1)
    for module in (net, back):
        optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(module(x), y).backward()
            optimizer.step()
    assert all(same(a, b) for a, b in zip(net.state_dict().values(), back.state_dict().values(), strict=True))


def test_frozen_parameters_stay_frozen() -> None:
    net = torch.nn.Linear(3, 2)
    net.weight.requires_grad_(False)
    back = holdfast.loads(holdfast.dumps(net))
    assert [one.requires_grad for one in back.parameters()] == [False, True]


def test_tied_weights_stay_tied() -> None:
    back = holdfast.loads(holdfast.dumps(Tied()), trusted=[Tied])
    assert back.out.weight is back.embedding.weight
    assert len(list(back.parameters())) == 1
    state = holdfast.loads(holdfast.dumps(Tied().state_dict()), copy=True)
    state["out.weight"][0, 0] = 7
    assert state["embedding.weight"][0, 0] == 7


def test_a_module_of_your_own_needs_trust_by_name_and_answers_the_same() -> None:
    torch.manual_seed(0)
    net = TwoHeads(6).eval()
    blob = holdfast.dumps(net)
    with pytest.raises(UntrustedType, match=r"tests\.frameworks\.nets\.TwoHeads"):
        holdfast.loads(blob)
    x = torch.randn(4, 6)
    for trusted in ([TwoHeads], ["tests.frameworks.nets.TwoHeads"]):
        back = holdfast.loads(blob, trusted=trusted)
        assert bits(back(x)) == bits(net(x))
        assert back.names == net.names
        assert back.scale is not None
        assert same(back.scale, net.scale)
        assert back._non_persistent_buffers_set == {"scale"}


def test_a_module_is_a_part_of_a_model() -> None:
    model = {"body": torch.nn.Linear(3, 2), "classes": np.array(["a", "b"]), "threshold": 0.5}
    back = holdfast.loads(holdfast.dumps(model))
    assert same(back["body"].weight, model["body"].weight)
    assert back["classes"].tolist() == ["a", "b"]


def test_weights_are_read_by_any_safetensors_reader_under_the_names_of_their_layers(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    path = tmp_path / "net.safetensors"
    net = torch.nn.Sequential(torch.nn.Linear(300, 200), torch.nn.ReLU(), torch.nn.Linear(200, 2))
    holdfast.save(net, path)
    found = {name: array for name, array in load_file(path).items() if not name.startswith("holdfast.")}
    assert found.keys() == net.state_dict().keys()
    assert all(np.array_equal(found[name], one.numpy()) for name, one in net.state_dict().items())


def test_large_weights_stay_mapped(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    holdfast.save(torch.nn.Linear(2000, 1000), path)
    code = """
import sys, torch, holdfast
net = holdfast.load(sys.argv[1])
address = net.weight.data_ptr()
maps = [line.split() for line in open("/proc/self/maps")]
mine = [m for m in maps if int(m[0].split("-")[0], 16) <= address < int(m[0].split("-")[1], 16)]
assert mine and mine[0][-1].endswith("net.safetensors"), mine
with torch.no_grad():
    net.weight.add_(1)
"""
    before = path.read_bytes()
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    assert path.read_bytes() == before


# -- tensors -------------------------------------------------------------------------------------------------------------

DTYPES = [
    "float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "int64", "int32", "int16", "int8", "uint64", "uint32",
    "uint16", "uint8", "bool", "complex64", "complex128",
]  # fmt: skip


@pytest.mark.parametrize("name", DTYPES)
def test_tensors_of_every_dtype(name: str) -> None:
    raw = torch.arange(64, dtype=torch.uint8) % 2
    dtype = getattr(torch, name)
    tensor = raw.to(torch.bool) if name == "bool" else raw.view(dtype)
    assert same(holdfast.loads(holdfast.dumps(tensor)), tensor)


GRID = torch.arange(120, dtype=torch.float32).reshape(2, 3, 4, 5)
TENSORS: dict[str, Callable[[], Any]] = {
    "no axes": lambda: torch.tensor(1.5),
    "nothing": lambda: torch.zeros(0, 3),
    "transposed": lambda: GRID.permute(3, 1, 0, 2),
    "channels last": lambda: GRID.contiguous(memory_format=torch.channels_last),
    "every second": lambda: GRID[:, ::2, 1:, :3],
    "a column": lambda: torch.arange(12.0).reshape(3, 4)[:, 1],
    "expanded": lambda: torch.tensor([[1.0], [2.0]]).expand(2, 3),
    "conjugated": lambda: torch.tensor([1 + 2j, 3 - 1j]).conj(),
    "negated": lambda: torch.tensor([1 + 2j, 3 - 1j]).conj().imag,
    "needs a gradient": lambda: torch.ones(3, requires_grad=True),
    "NaN with a payload": lambda: torch.tensor([0x7FC12345], dtype=torch.int32).view(torch.float32),
}


@pytest.mark.parametrize("name", TENSORS)
def test_tensors_of_every_layout_in_memory(name: str) -> None:
    tensor = TENSORS[name]()
    back = holdfast.loads(holdfast.dumps({"it": tensor}), copy=True)["it"]
    assert (back.dtype, back.shape, back.requires_grad) == (tensor.dtype, tensor.shape, tensor.requires_grad)
    assert bits(back) == bits(tensor.resolve_conj().resolve_neg())
    if name not in ("expanded", "a column"):  # windows of one axis, and into one number many times, are stored as what they show
        assert back.stride() == tensor.resolve_conj().resolve_neg().stride()


def test_sparse_and_meta_tensors() -> None:
    dense = torch.tensor([[0.0, 1.0, 0.0], [2.0, 0.0, 3.0]])
    for tensor in (dense.to_sparse(), dense.to_sparse_csr(), dense.to_sparse_csc()):
        back = holdfast.loads(holdfast.dumps(tensor))
        assert back.layout is tensor.layout
        assert torch.equal(back.to_dense(), dense)
    twice = torch.sparse_coo_tensor(torch.tensor([[0, 0], [1, 1]]), torch.tensor([1.0, 2.0]), (2, 3))
    assert not holdfast.loads(holdfast.dumps(twice)).is_coalesced()
    meta = holdfast.loads(holdfast.dumps(torch.empty(3, 4, dtype=torch.bfloat16, device="meta")))
    assert (meta.is_meta, meta.shape, meta.dtype) == (True, (3, 4), torch.bfloat16)


def test_views_of_one_storage_share_memory_again() -> None:
    whole = torch.zeros(10)
    back = holdfast.loads(holdfast.dumps({"whole": whole, "part": whole[3:6]}), copy=True)
    back["whole"][4] = 5
    assert back["part"].tolist() == [0, 5, 0]


def test_small_values_of_torch() -> None:
    values = [torch.Size([2, 3]), torch.bfloat16, torch.device("cpu"), torch.device("cuda", 1)]
    assert holdfast.loads(holdfast.dumps(values)) == values
    generator = torch.Generator().manual_seed(5)
    torch.rand(3, generator=generator)
    back = holdfast.loads(holdfast.dumps(generator))
    assert torch.equal(torch.rand(4, generator=back), torch.rand(4, generator=generator))


# -- training goes on ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [lambda p: torch.optim.Adam(p, lr=0.01), lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9),
                                  lambda p: torch.optim.AdamW(p, amsgrad=True), lambda p: torch.optim.RMSprop(p)], ids=["Adam", "SGD", "AdamW", "RMSprop"])  # fmt: skip
def test_a_checkpoint_goes_on_to_the_same_losses(make: Callable[[Any], Any]) -> None:
    def start() -> tuple[Any, Any, Any]:
        torch.manual_seed(1)
        net = torch.nn.Sequential(torch.nn.Linear(6, 16), torch.nn.Dropout(0.3), torch.nn.ReLU(), torch.nn.Linear(16, 1))
        optimizer = make(net.parameters())
        return net, optimizer, torch.optim.lr_scheduler.StepLR(optimizer, 3, 0.5)

    def go(net: Any, optimizer: Any, schedule: Any, steps: int) -> list[float]:
        losses = []
        for _ in range(steps):
            x = torch.randn(8, 6)
            loss = ((net(x) - x.sum(1, keepdim=True)) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        return losses

    parts = start()
    go(*parts, 5)
    saved = holdfast.dumps({"parts": [one.state_dict() for one in parts], "rng": torch.get_rng_state(), "epoch": 5})
    uninterrupted = go(*parts, 6)
    back = holdfast.loads(saved, copy=True)
    again = start()
    for part, state in zip(again, back["parts"], strict=True):
        part.load_state_dict(state)
    torch.set_rng_state(back["rng"])
    assert go(*again, 6) == uninterrupted


# -- what is refused -------------------------------------------------------------------------------------------------------


def hooked() -> Any:
    net = torch.nn.Linear(2, 2)
    net.register_forward_hook(lambda module, inputs, output: None)
    return net


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "a hook": (hooked, "forward hooks"),
    "a result": (lambda: torch.ones(2, requires_grad=True) * 2, "detach"),
    "a lambda": (lambda: torch.nn.TripletMarginWithDistanceLoss(distance_function=lambda a, b: a - b), "cannot be found again by its name"),
    "a layer without weights yet": (lambda: torch.nn.LazyLinear(3), "call the model once"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_kept_is_refused_by_name(name: str) -> None:
    make, says = REFUSED[name]
    with pytest.raises(UnsupportedModel, match=says):
        holdfast.dumps(make())


def test_the_tree_and_parts_go_by_the_names_of_layers(tmp_path: Path) -> None:
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Sequential(torch.nn.BatchNorm1d(4)))
    net[0].bias.requires_grad_(False)
    path = tmp_path / "net.safetensors"
    holdfast.save(net, path)
    shown = str(holdfast.inspect(path))
    for line in ("  0: Linear", "    weight: parameter float32[4, 3]", "    bias: parameter float32[4], frozen", "      running_mean: tensor float32[4]"):
        assert line in shown
    assert "_parameters" not in shown
    assert same(holdfast.load(path, part="0.weight"), net[0].weight)
    assert same(holdfast.load(path, part="1.0.running_mean"), net[1][0].running_mean)
    assert str(holdfast.load(path, part="1")) == str(net[1])
    assert holdfast.load(path, part="_modules.0").in_features == 3
    with pytest.raises(NotFound, match="there is 0, 1"):
        holdfast.load(path, part="2.weight")


@pytest.mark.parametrize("change", [{"num_layers": 0}, {"hidden_size": 7}, {"mode": "GRU"}, {"_flat_weights_names": []}], ids=str)
def test_a_class_below_a_recurrent_layer_is_checked_as_the_layer_is(change: dict[str, Any]) -> None:
    net = Memory(3, 4)
    rows = torch.randn(5, 2, 3)
    back = holdfast.loads(holdfast.dumps(net), trusted=[Memory])
    assert torch.equal(back(rows), net(rows))
    net.__dict__.update(change)
    with pytest.raises(InvalidState, match="Memory"):
        holdfast.loads(holdfast.dumps(net), trusted=[Memory])


def test_a_class_below_attention_is_checked_as_the_layer_is() -> None:
    net = Looking(4, 2)
    rows = torch.randn(3, 2, 4)
    assert torch.equal(holdfast.loads(holdfast.dumps(net), trusted=[Looking])(rows), net(rows))
    net.num_heads = 0
    with pytest.raises(InvalidState, match="num_heads"):
        holdfast.loads(holdfast.dumps(net), trusted=[Looking])


VALUES = {"layout": "quantized", "dtype": "qint8", "values": torch.zeros(2, 3, dtype=torch.int8)}
CHANNELS = {**VALUES, "scale": torch.ones(2, dtype=torch.float64), "zero_point": torch.zeros(2, dtype=torch.int64), "axis": 0}


@pytest.mark.parametrize(
    "fields",
    [
        {**VALUES, "dtype": "quint8", "scale": 1.0, "zero_point": 0},
        {**VALUES, "dtype": "qint2", "scale": 1.0, "zero_point": 0},
        {**VALUES, "scale": 0.0, "zero_point": 0},
        {**VALUES, "scale": float("inf"), "zero_point": 0},
        {**VALUES, "scale": float("nan"), "zero_point": 0},
        {**VALUES, "scale": 1.0, "zero_point": 2**40},
        {**VALUES, "scale": 1.0, "zero_point": 0.5},
        {**CHANNELS, "axis": 2},
        {**CHANNELS, "axis": 1},
        {**CHANNELS, "scale": torch.ones(3, dtype=torch.float64)},
        {**CHANNELS, "scale": torch.tensor([1.0, 0.0], dtype=torch.float64)},
        {**CHANNELS, "scale": torch.tensor([1.0, float("nan")], dtype=torch.float64)},
        {**CHANNELS, "scale": torch.ones(2, dtype=torch.float32)},
        {**CHANNELS, "zero_point": torch.zeros(2, dtype=torch.int32)},
        {**CHANNELS, "zero_point": 0},
    ],
)
def test_a_quantized_tensor_without_its_scales_is_refused(fields: dict[str, Any]) -> None:
    from holdfast.frameworks.torch_ import _build_here

    with pytest.raises(InvalidState, match="quantized tensor"):
        _build_here(fields)


@pytest.mark.parametrize(
    "make",
    [
        lambda rows: torch.quantize_per_tensor(rows, 0.1, 3, torch.quint8),
        lambda rows: torch.quantize_per_channel(rows, torch.tensor([0.1, 0.2]), torch.tensor([1, 2]), 0, torch.qint8),
        lambda rows: torch.quantize_per_channel(rows, torch.tensor([0.1, 0.2, 0.3]), torch.tensor([1.5, 2, 3]), 1, torch.quint8),
    ],
    ids=["tensor", "channels", "rows"],
)
def test_a_quantized_tensor_comes_back(make: Callable[[Any], Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch means to leave them to another package
        tensor = make(torch.arange(6.0).reshape(2, 3))
    back = holdfast.loads(holdfast.dumps(tensor))
    assert back.qscheme() == tensor.qscheme()
    assert torch.equal(back, tensor)
    assert torch.equal(back.dequantize(), tensor.dequantize())
