"""Archives of ``torch.export`` are read as data: the same program, trusted by name only, and refused when they are altered."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast.testing.contract import bits
from holdfast.testing.specimen import makers

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore")
TRUSTED = ["torch.export.exported_program.ExportedProgram"]
PROGRAMS = [name for name in makers("torch") if name.startswith("program")]


@pytest.fixture(scope="module")
def linear(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("programs") / "linear.pt2"
    torch.manual_seed(0)
    torch.export.save(torch.export.export(torch.nn.Linear(3, 2), (torch.ones(4, 3),)), path)
    return path


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_answers_the_same(name: str, tmp_path: Path) -> None:
    specimen = makers("torch")[name]()
    path = tmp_path / "m.pt2"
    torch.export.save(specimen.model, path)
    with pytest.raises(holdfast.UntrustedType, match="ExportedProgram"):
        holdfast.load(path)
    assert holdfast.inspect(path).verdict == "needs trust"
    assert bits(specimen.ask(holdfast.load(path, trusted=TRUSTED))) == bits(specimen.ask(specimen.model))


def test_the_rows_of_the_example_are_not_taken_over(linear: Path, tmp_path: Path) -> None:
    program = holdfast.load(linear, trusted=TRUSTED)
    assert all(not one.any() for one in program.example_inputs[0])
    assert holdfast.convert(linear, tmp_path / "m.safetensors", trusted=TRUSTED).status == "converted"


def changed(path: Path, change: Callable[[str, bytes], bytes | None], more: dict[str, bytes] | None = None) -> bytes:
    """Return an archive with its members changed; None leaves one out."""
    out = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = change(name, old.read(name))
            if content is not None:
                new.writestr(name, content)
        for name, content in (more or {}).items():
            new.writestr(name, content)
    return out.getvalue()


def replaced(part: str, old: bytes, new: bytes) -> Callable[[str, bytes], bytes | None]:
    def change(name: str, content: bytes) -> bytes:
        return content.replace(old, new) if name.endswith(part) else content

    return change


WEIGHTS = "model_weights_config.json"
ALTERED: dict[str, tuple[Callable[[str, bytes], bytes | None], type[holdfast.HoldfastError], str]] = {
    "a tensor beyond its storage": (replaced(WEIGHTS, b'"as_int": 2', b'"as_int": 200'), holdfast.FormatError, "outside its storage"),
    "a tensor as a pickle": (replaced(WEIGHTS, b'"use_pickle": false', b'"use_pickle": true'), holdfast.UnsupportedModel, "as a pickle"),
    "a tensor of no dtype": (replaced(WEIGHTS, b'"dtype": 7', b'"dtype": 99'), holdfast.FormatError, "described"),
    "a tensor that is not there": (replaced(WEIGHTS, b"weight_0", b"weight_9"), holdfast.UnsupportedModel, "weight"),
    "an operator that is none": (replaced("model.json", b"aten.linear.default", b"aten.system.default"), holdfast.InvalidState, "system"),
    "a program that is no object": (lambda name, content: b"[1]" if name.endswith("model.json") else content, holdfast.FormatError, "no program"),
    "a key twice": (replaced("model.json", b'{"graph_module"', b'{"graph_module": 1, "graph_module"'), holdfast.FormatError, "twice"),
    "no program": (lambda name, content: None if name.endswith("model.json") else content, holdfast.HoldfastError, "program"),
}


@pytest.mark.parametrize("name", ALTERED)
def test_an_altered_archive_is_refused(name: str, linear: Path) -> None:
    change, error, says = ALTERED[name]
    with pytest.raises(error, match=says):
        holdfast.loads(changed(linear, change), trusted=TRUSTED)


def test_compiled_code_in_the_archive_is_refused(linear: Path) -> None:
    blob = changed(linear, lambda name, content: content, {"linear/data/aotinductor/model/a.so": b"\x7fELF"})
    with pytest.raises(holdfast.UnsupportedModel, match="compiled"):
        holdfast.loads(blob, trusted=TRUSTED)


def test_an_example_that_calls_something_is_refused_and_nothing_runs(linear: Path, tmp_path: Path) -> None:
    import os

    class Boom:
        def __reduce__(self) -> Any:
            return os.system, (f"touch {tmp_path}/ran",)

    inner = io.BytesIO()
    torch.save(((Boom(),), {}), inner)
    blob = changed(linear, lambda name, content: inner.getvalue() if name.endswith("sample_inputs/model.pt") else content)
    with pytest.raises(holdfast.HoldfastError):
        holdfast.loads(blob, trusted=TRUSTED)
    assert not (tmp_path / "ran").exists()
