"""Saving and loading around training: beside the loop, the last few, several files, a device, a module of the caller's."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import holdfast
from holdfast.errors import (
    Corrupt,
    EnvironmentMissing,
    FormatError,
    HoldfastWarning,
    InvalidState,
    NotFound,
    UnsupportedModel,
    UnsupportedOperation,
)
from tests.frameworks.nets import Tied, TwoHeads

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def net(width: int = 100, depth: int = 4) -> Any:
    torch.manual_seed(0)
    return torch.nn.Sequential(*(torch.nn.Linear(width, width) for _ in range(depth)))


def equal(a: Any, b: Any) -> bool:
    here, there = a.state_dict(), b.state_dict()
    return list(here) == list(there) and all(torch.equal(here[name], there[name]) for name in here)


# -- beside the loop -------------------------------------------------------------------------------------------------------


def test_a_save_beside_training_holds_the_model_of_the_moment_of_the_call(tmp_path: Path) -> None:
    model = net()
    before = {name: one.clone() for name, one in model.state_dict().items()}
    saving = holdfast.save({"net": model, "step": 3}, tmp_path / "step-3.safetensors", wait=False)
    with torch.no_grad():
        for one in model.parameters():
            one.zero_()
    saved = saving.result(60)
    assert saving.done()
    back = holdfast.load(tmp_path / "step-3.safetensors")
    assert all(torch.equal(back["net"].state_dict()[name], before[name]) for name in before)
    assert holdfast.inspect(tmp_path / "step-3.safetensors").id == saved.id


def test_a_save_beside_training_is_proven_and_the_same_as_one_that_is_waited_for(tmp_path: Path) -> None:
    rows = np.ones((2, 100), "float32")
    first = holdfast.save(net(), tmp_path / "a.safetensors", example=rows)
    second = holdfast.save(net(), tmp_path / "b.safetensors", example=rows, wait=False).result()
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    assert first.proof.verdict == second.proof.verdict == "bit-equal"


def test_a_save_beside_training_that_fails_says_so_when_its_result_is_asked_for(tmp_path: Path) -> None:
    saving = holdfast.save(net(), tmp_path / "nowhere" / "x.safetensors", wait=False)
    with pytest.raises(NotFound):
        saving.result(60)
    with pytest.raises(UnsupportedModel):  # what can be known at once is said at once
        holdfast.save({"f": lambda: 1}, tmp_path / "x.safetensors", wait=False)


def test_a_result_can_be_waited_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from holdfast.artifact import save as saving_module

    genuine = saving_module.write
    monkeypatch.setattr(saving_module, "write", lambda *args, **options: (time.sleep(0.5), genuine(*args, **options))[1])
    saving = holdfast.save(net(), tmp_path / "x.safetensors", wait=False)
    with pytest.raises(TimeoutError, match="goes on"):
        saving.result(0.01)
    assert saving.result(60).nbytes == os.path.getsize(tmp_path / "x.safetensors")


# -- the last few ----------------------------------------------------------------------------------------------------------


def test_the_last_few_are_kept_and_nothing_else_is_touched(tmp_path: Path) -> None:
    (tmp_path / "step-0001.safetensors").write_bytes(b"mine, and no model")
    (tmp_path / "best-0001.safetensors").write_bytes(b"another row")
    for step in range(2, 7):
        holdfast.save({"step": step}, tmp_path / f"step-{step:04}.safetensors", keep_last=2)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["best-0001.safetensors", "step-0001.safetensors", "step-0005.safetensors", "step-0006.safetensors"]
    holdfast.save({"step": 5}, tmp_path / "step-0005.safetensors", keep_last=1)
    assert (tmp_path / "step-0006.safetensors").exists()  # later ones are not older


def test_a_name_without_a_number_has_no_row(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs a number"):
        holdfast.save({}, tmp_path / "model.safetensors", keep_last=2)
    for count in (0, -1, True, "2"):
        with pytest.raises(ValueError, match="keep_last"):
            holdfast.save({}, tmp_path / "step-1.safetensors", keep_last=count)
    assert list(tmp_path.iterdir()) == []


# -- several files ---------------------------------------------------------------------------------------------------------


def test_a_model_over_a_size_is_several_files_and_one_load(tmp_path: Path) -> None:
    model = net()
    saved = holdfast.save(model, tmp_path / "big.safetensors", shard_bytes="50KB")
    names = sorted(one.name for one in tmp_path.iterdir())
    assert names == [*(f"big-{i:05}-of-00004.safetensors" for i in range(1, 5)), "big.safetensors", "big.safetensors.index.json"]
    assert max(os.path.getsize(tmp_path / name) for name in names) < 60_000
    assert equal(holdfast.load(tmp_path / "big.safetensors"), model)
    index = json.loads((tmp_path / "big.safetensors.index.json").read_text())
    assert list(index["weight_map"]) == list(model.state_dict())
    assert index["metadata"]["total_size"] == sum(one.nbytes for one in model.state_dict().values())
    by_index = holdfast.load(tmp_path / "big.safetensors.index.json")
    assert all(torch.equal(by_index[name], one) for name, one in model.state_dict().items())
    assert saved.id == holdfast.inspect(tmp_path / "big.safetensors").id


def test_state_dicts_arrays_tied_weights_and_your_own_modules_in_several_files(tmp_path: Path) -> None:
    state = net().state_dict()
    holdfast.save(dict(state), tmp_path / "state.safetensors", shard_bytes=60_000)
    back = holdfast.load(tmp_path / "state.safetensors")
    assert all(torch.equal(back[name], state[name]) for name in state)
    arrays = {f"a{i}": np.arange(1000.0) + i for i in range(5)}
    holdfast.save(arrays, tmp_path / "arrays.safetensors", shard_bytes=10_000)
    assert all(np.array_equal(holdfast.load(tmp_path / "arrays.safetensors")[name], array) for name, array in arrays.items())
    holdfast.save(Tied(), tmp_path / "tied.safetensors", shard_bytes=100)
    tied = holdfast.load(tmp_path / "tied.safetensors", trusted=[Tied])
    assert tied.out.weight is tied.embedding.weight
    own = TwoHeads(50)
    holdfast.save(own, tmp_path / "own.safetensors", shard_bytes=500)
    assert equal(holdfast.load(tmp_path / "own.safetensors", trusted=[TwoHeads]), own)
    recurrent = torch.nn.LSTM(20, 20)
    holdfast.save(recurrent, tmp_path / "lstm.safetensors", shard_bytes=3000)
    rows = torch.randn(3, 1, 20)
    assert torch.equal(holdfast.load(tmp_path / "lstm.safetensors")(rows)[0], recurrent(rows)[0])


def test_a_model_below_the_size_is_one_file(tmp_path: Path) -> None:
    holdfast.save(net(), tmp_path / "small.safetensors", shard_bytes="1GB")
    assert [one.name for one in tmp_path.iterdir()] == ["small.safetensors"]


def test_shards_that_are_missing_exchanged_or_of_another_save_are_refused(tmp_path: Path) -> None:
    holdfast.save(net(), tmp_path / "a.safetensors", shard_bytes="50KB")
    other = tmp_path / "other"
    other.mkdir()
    torch.manual_seed(1)
    holdfast.save(torch.nn.Sequential(*(torch.nn.Linear(100, 100) for _ in range(4))), other / "a.safetensors", shard_bytes="50KB")
    shard = tmp_path / "a-00002-of-00004.safetensors"
    genuine = shard.read_bytes()
    shard.write_bytes((other / shard.name).read_bytes())
    with pytest.raises(Corrupt, match="another save"):
        holdfast.load(tmp_path / "a.safetensors")
    shard.write_bytes((tmp_path / "a-00001-of-00004.safetensors").read_bytes())
    with pytest.raises(Corrupt, match="another save"):
        holdfast.load(tmp_path / "a.safetensors")
    shard.unlink()
    with pytest.raises(NotFound, match="a-00002-of-00004"):
        holdfast.load(tmp_path / "a.safetensors")
    shard.write_bytes(genuine)
    assert equal(holdfast.load(tmp_path / "a.safetensors"), net())


@pytest.mark.parametrize(
    "index",
    [b"", b"[]", b"{}", b'{"weight_map": []}', b'{"weight_map": {"a": 1}}', b'{"weight_map": {"a": "../x.safetensors"}}', b'{"weight_map": {"a": "/etc/passwd"}}',
     b'{"weight_map": {"a": "x.bin"}}', b'{"weight_map": {"a": "a\\\\b.safetensors"}}', b'{"weight_map": {"a": "\\u0000.safetensors"}}', b"[" * 100_000],
)  # fmt: skip
def test_an_index_that_is_none_or_leads_elsewhere_is_refused(index: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors.index.json"
    path.write_bytes(index)
    with pytest.raises(FormatError):
        holdfast.load(path)


def test_files_of_other_tools_with_an_index_are_read(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"a": np.ones(3)}, tmp_path / "m-00001-of-00002.safetensors")
    save_file({"b": np.zeros(2)}, tmp_path / "m-00002-of-00002.safetensors")
    where = {"b": "m-00002-of-00002.safetensors", "a": "m-00001-of-00002.safetensors"}
    (tmp_path / "m.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}))
    found = holdfast.load(tmp_path / "m.safetensors.index.json")
    assert list(found) == ["b", "a"]
    assert found["a"].tolist() == [1, 1, 1]
    (tmp_path / "m.safetensors.index.json").write_text(json.dumps({"weight_map": {**where, "c": "m-00001-of-00002.safetensors"}}))
    with pytest.raises(Corrupt, match="does not hold"):
        holdfast.load(tmp_path / "m.safetensors.index.json")


@pytest.mark.parametrize("size", [0, -1, "", "1 banana", "GB", True, "-1GB"])
def test_sizes_that_are_none(size: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="shard_bytes"):
        holdfast.save(net(), tmp_path / "x.safetensors", shard_bytes=size)


def test_what_has_no_tensors_by_name_is_one_file(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModel, match="one file"):
        holdfast.save([1, 2], tmp_path / "x.safetensors", shard_bytes=10)


# -- into a module -----------------------------------------------------------------------------------------------------------


def test_tensors_are_loaded_into_a_module(tmp_path: Path) -> None:
    model = net()
    holdfast.save(model, tmp_path / "module.safetensors")
    holdfast.save(model.state_dict(), tmp_path / "state.safetensors")
    holdfast.save({"model": model.state_dict(), "epoch": 3}, tmp_path / "checkpoint.safetensors")
    from safetensors.torch import save_file

    save_file(model.state_dict(), tmp_path / "plain.safetensors")
    for name, options in (("module", {}), ("state", {}), ("plain", {}), ("checkpoint", {"part": "model"})):
        torch.manual_seed(5)
        target = torch.nn.Sequential(*(torch.nn.Linear(100, 100) for _ in range(4)))
        weights = list(target.parameters())
        assert holdfast.load(tmp_path / f"{name}.safetensors", into=target, **options) is target
        assert equal(target, model)
        assert list(map(id, target.parameters())) == list(map(id, weights))  # an optimizer of them goes on
    own = TwoHeads(6)
    holdfast.save(own, tmp_path / "own.safetensors")
    assert equal(holdfast.load(tmp_path / "own.safetensors", into=TwoHeads(6)), own)


def test_tensors_that_do_not_fit_are_reported_and_nothing_is_changed(tmp_path: Path) -> None:
    holdfast.save(net().state_dict(), tmp_path / "state.safetensors")
    target = torch.nn.Sequential(torch.nn.Linear(100, 100), torch.nn.Linear(100, 5), torch.nn.PReLU(), torch.nn.Identity(), torch.nn.Linear(2, 2))
    before = {name: one.clone() for name, one in target.state_dict().items()}
    with pytest.raises(InvalidState) as refused:
        holdfast.load(tmp_path / "state.safetensors", into=target)
    text = str(refused.value)
    for said in ("state.safetensors", "2 tensors fit", "2 missing: 4.weight, 4.bias", "not of the model: 2.bias", "1.weight is [5, 100] in the model and [100, 100] in the file", "strict=False"):
        assert said in text
    assert all(torch.equal(target.state_dict()[name], one) for name, one in before.items())
    with pytest.warns(HoldfastWarning, match="not all tensors fit"):
        holdfast.load(tmp_path / "state.safetensors", into=target, strict=False)
    assert torch.equal(target[0].weight, net()[0].weight)
    assert torch.equal(target[4].weight, before["4.weight"])


def test_what_cannot_be_loaded_into(tmp_path: Path) -> None:
    holdfast.save({"model": net().state_dict(), "epoch": 3}, tmp_path / "checkpoint.safetensors")
    with pytest.raises(UnsupportedOperation, match="part='model'"):
        holdfast.load(tmp_path / "checkpoint.safetensors", into=net())
    with pytest.raises(UnsupportedOperation, match="module of PyTorch"):
        holdfast.load(tmp_path / "checkpoint.safetensors", into=object())
    holdfast.save([1, 2], tmp_path / "list.safetensors")
    with pytest.raises(UnsupportedOperation, match="no tensors by name"):
        holdfast.load(tmp_path / "list.safetensors", into=net())


# -- a device ----------------------------------------------------------------------------------------------------------------


def test_a_device_that_is_missing_or_unknown_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    holdfast.save(net(), tmp_path / "x.safetensors")
    missing = ["banana", "cuda:99", "mps:7", -1, object()]
    if not torch.cuda.is_available():
        missing.append("cuda")
    for device in missing:
        with pytest.raises(EnvironmentMissing, match="device"):
            holdfast.load(tmp_path / "x.safetensors", device=device)


def test_tensors_are_put_on_a_device(tmp_path: Path) -> None:
    model = net()
    model[0].weight.requires_grad_(False)
    holdfast.save({"net": model, "half": torch.ones(3, dtype=torch.bfloat16)}, tmp_path / "x.safetensors")
    for device in ("meta", torch.device("cpu"), *(["cuda"] if torch.cuda.is_available() else [])):
        back = holdfast.load(tmp_path / "x.safetensors", device=device)
        kind = torch.device(device).type
        assert {one.device.type for one in back["net"].parameters()} == {kind}
        assert back["half"].device.type == kind
        assert [one.requires_grad for one in back["net"].parameters()][:2] == [False, True]
        assert all(isinstance(one, torch.nn.Parameter) for one in back["net"].parameters())
        if kind != "meta":
            assert equal(back["net"].cpu(), model)


# -- parents -----------------------------------------------------------------------------------------------------------------


def test_a_model_names_its_parent_by_id_file_or_what_save_gave(tmp_path: Path) -> None:
    saved = holdfast.save({"a": 1}, tmp_path / "a.safetensors")
    for parent in (saved, saved.id, tmp_path / "a.safetensors", str(tmp_path / "a.safetensors")):
        holdfast.save({"b": 2}, tmp_path / "b.safetensors", parent=parent, extra={"why": "a test"})
        assert holdfast.inspect(tmp_path / "b.safetensors").extra == {"why": "a test", "parent": saved.id}
    with pytest.raises(ValueError, match="twice"):
        holdfast.save({}, tmp_path / "b.safetensors", parent=saved, extra={"parent": "x"})
    with pytest.raises(NotFound):
        holdfast.save({}, tmp_path / "b.safetensors", parent=tmp_path / "missing.safetensors")
