"""Exported programs of PyTorch that were altered: text that would be run, operators that open files, numbers that kernels believe.

PyTorch makes Python source of a program and evaluates its expressions, so each of these would run code, or could, if it came through.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast.errors import HoldfastError, InvalidState, UnsupportedModel, UntrustedType, VersionMismatch
from holdfast.frameworks import torch_program
from holdfast.frameworks.adapter import Record
from holdfast.testing.specimen import makers
from holdfast.trust.catalog import catalog
from holdfast.trust.state.torch_program import check_program

pytestmark = pytest.mark.filterwarnings("ignore")
ROOT = Path(__file__).parents[2]
KINDS = [name for name in makers("torch") if name.startswith("program")]
CODE = "__import__('pathlib').Path('executed').touch()"


@lru_cache
def genuine(kind: str) -> str:
    made = torch_program._dump(makers("torch")[kind]().model)
    return str(made["program"])


Program = dict[str, Any]


def graph(program: Program) -> Any:
    return program["graph_module"]["graph"]


def first_expression(program: Program) -> Any:
    return next(iter(graph(program)["sym_int_values"].values()))["as_expr"]


def target(text: str) -> Callable[[Program], None]:
    return lambda program: graph(program)["nodes"][0].update(target=text)


def expression(text: str) -> Callable[[Program], None]:
    return lambda program: first_expression(program).update(expr_str=text)


def node_name(text: str) -> Callable[[Program], None]:
    return lambda program: graph(program)["nodes"][0].update(name=text)


def metadata(key: str, text: str) -> Callable[[Program], None]:
    return lambda program: graph(program)["nodes"][0]["metadata"].update({key: text})


def spec(change: Callable[[Any], None], which: str = "in_spec") -> Callable[[Program], None]:
    def put(program: Program) -> None:
        signature = program["graph_module"]["module_call_graph"][0]["signature"]
        protocol, read = json.loads(signature[which])
        change(read)
        signature[which] = json.dumps([protocol, read])

    return put


def constant(value: Any) -> Callable[[Program], None]:
    def put(program: Program) -> None:
        program["graph_module"]["signature"]["input_specs"].append({"constant_input": {"name": "x", "value": {"as_string": value}}})

    return put


def sum_of(count: int) -> str:
    return ", ".join(f"Symbol('s{number}')" for number in range(count))


def keyword(name: str) -> Callable[[Program], None]:
    leaf = {"type": None, "context": None, "children_spec": []}
    return spec(lambda s: s["children_spec"][1].update(context=json.dumps([name]), children_spec=[leaf]))


def argument(name: str, value: dict[str, Any]) -> Callable[[Program], None]:
    return lambda program: graph(program)["nodes"][0]["inputs"].append({"name": name, "arg": value, "kind": 2})


def deep(program: Program) -> None:
    program["opset_version"] = json.loads('{"a":' * 70 + "1" + "}" * 70)


LIES: dict[str, tuple[Callable[[Program], Any], str]] = {
    "an expression that calls": (expression(CODE), "is no arithmetic over sizes"),
    "an expression with an attribute": (expression("Symbol('s1').__class__"), "is no arithmetic over sizes"),
    "an expression with a lambda": (expression("(lambda: 1)()"), "is no arithmetic over sizes"),
    "an expression with a comprehension": (expression("[1 for _ in ()]"), "is no arithmetic over sizes"),
    "an expression with a text": (expression(f"Symbol({CODE!r})"), "is no arithmetic over sizes"),
    "an expression with a fact that is code": (expression(f"Symbol('s1', integer={CODE})"), "is no arithmetic over sizes"),
    "an expression of another function": (expression("Lambda(Symbol('s1'), Symbol('s1'))"), "is no arithmetic over sizes"),
    "a number that is code": (expression(f"Integer({CODE})"), "is no arithmetic over sizes"),
    "a fraction of nothing": (expression("Rational(1, 0)"), "is no arithmetic over sizes"),
    "a tower of powers": (expression("Pow(Pow(Integer(9), Integer(9)), Integer(9))"), "has a power that no size has"),
    "a large power": (expression("Pow(Symbol('s1'), Integer(1000000))"), "has a power that no size has"),
    "an expression without end": (expression(f"Add({', '.join(['Integer(1)'] * 300)})"), "is no expression of sizes"),
    "an expression nested deep": (expression("Abs(" * 80 + "Integer(1)" + ")" * 80), "is no arithmetic over sizes"),
    "an operator of another module": (target("torch.os.system"), "is the operator torch.os.system"),
    "an operator that loads": (target("torch.load"), "is the operator torch.load"),
    "an operator that opens a file": (target("torch.ops.aten.from_file.default"), "is the operator torch.ops.aten.from_file.default"),
    "an operator that swaps a storage": (target("torch.ops.aten.set_.source_Storage"), "is the operator"),
    "an operator that leaves memory as it was": (target("torch.ops.aten.empty.memory_format"), "is the operator"),
    "an operator that nobody documents": (target("torch.ops.aten._unsafe_masked_index.default"), "is the operator"),
    "an operator inside an operator": (target("torch.ops.aten.linear.default.__globals__"), "is the operator"),
    "an operator with a dunder": (target("torch.ops.aten.linear.__class__"), "is the operator torch.ops.aten.linear.__class__"),
    "an operator of Python": (target("_operator.methodcaller"), "is the operator _operator.methodcaller"),
    "an operator of another package": (target("torch.ops.mine.read.default"), "is the operator torch.ops.mine.read.default"),
    "an extension": (target("#mine:op"), "is the operator"),
    "an operator that is code": (target(f"torch.ops.aten.add.Tensor({CODE})"), "is the operator one that is no name"),
    "a name that is code": (node_name(f"x = {CODE}\n"), "is no plain name"),
    "a name that is a keyword": (node_name("return"), "is no plain name"),
    "a name with a dunder": (node_name("a__class__b"), "is no plain name"),
    "an argument that is code": (lambda p: p["graph_module"]["module_call_graph"][0]["signature"].update(forward_arg_names=[CODE]), "is no plain name"),
    "a parameter that is code": (lambda p: p["graph_module"]["signature"]["input_specs"][0]["parameter"].update(parameter_name=f"a); {CODE}"), "is no plain path"),
    "a parameter with a dunder": (lambda p: p["graph_module"]["signature"]["input_specs"][0]["parameter"].update(parameter_name="a.__class__.b"), "is no plain path"),
    "a source line": (metadata("stack_trace", f"# File\n{CODE}"), "holds more than the modules"),
    "a function of the source": (metadata("source_fn_stack", "a,torch.load"), "holds more than the modules"),
    "modules that are code": (metadata("nn_module_stack", f"a,b,{CODE}"), "does not name modules"),
    "code of guards": (lambda p: p.update(guards_code=[CODE]), "holds code of guards"),
    "a constant that ends a quotation": (constant(f"' + {CODE} + '"), "is a text with other characters"),
    "a dict whose key ends a quotation": (spec(lambda s: s["children_spec"][1].update(context=json.dumps(['"'])) or s["children_spec"][1].update(children_spec=[{"type": None, "context": None, "children_spec": []}])), "has keys that are no plain names"),
    "a container that imports": (spec(lambda s: s.update(type="collections.defaultdict", context=json.dumps({"default_factory_module": "os", "default_factory_name": "system", "dict_context": []}))), "is nested in a collections.defaultdict"),
    "a container of another class": (spec(lambda s: s.update(type="torch.return_types.max")), "is nested in a torch.return_types.max"),
    "a container of two keys and no values": (spec(lambda s: s["children_spec"][1].update(context=json.dumps(["a", "b"]))), "has keys that are no plain names"),
    "a single value that holds others": (spec(lambda s: s.update(type=None)), "has a single value that holds others"),
    "a tuple with keys": (spec(lambda s: s.update(context=json.dumps(["a"]))), "has keys where there are none"),
    "a container without form": (spec(lambda s: s.pop("context")), "does not say how values are nested"),
    "keys that are not JSON": (spec(lambda s: s.update(context="{")), "has keys that are not JSON"),
    "containers of another protocol": (lambda p: p["graph_module"]["module_call_graph"][0]["signature"].update(in_spec="[2, {}]"), "is of protocol 2"),
    "containers that are not JSON": (lambda p: p["graph_module"]["module_call_graph"][0]["signature"].update(out_spec="{"), "does not say how values are nested"),
    "an object of code": (lambda p: graph(p).update(custom_obj_values={"a": {"name": "a", "class_fqn": "os.system"}}), "holds objects of code"),
    "a tuple with names": (lambda p: p["graph_module"].update(treespec_namedtuple_fields={"a": {"field_names": ["a"]}}), "holds objects of code"),
    "a key that is code": (lambda p: graph(p)["tensor_values"].update({f"a\n{CODE}": {}}), "has a key that is no plain name"),
    "a number beyond 64 bits": (lambda p: p["range_constraints"].update(s1={"min_val": 2**64, "max_val": None}), "is a number beyond 64 bits"),
    "a symbol that is counted up to": (lambda p: p["range_constraints"].update(u999999999999={"min_val": 0, "max_val": None}), "has a key that is no plain name"),
    "a power of a sum": (expression(f"Pow(Add({sum_of(40)}), Integer(8))"), "has a power that no size has"),
    "a product of sums": (expression(f"Mul({', '.join([f'Add({sum_of(12)})'] * 4)})"), "has more than 1000 terms"),
    "a keyword that holds code": (keyword("x,y:[0 for torch.a in [torch.b]]"), "has keys that are no plain names"),
    "a keyword of Python": (keyword("lambda"), "has keys that are no plain names"),
    "no names of arguments": (lambda p: p["graph_module"]["module_call_graph"][0]["signature"].update(forward_arg_names=[]), "has other names of arguments"),
    "two arguments of one name": (lambda p: p["graph_module"]["module_call_graph"][0]["signature"].update(forward_arg_names=["left", "left"]), "has other names of arguments"),
    "a signature without inputs": (lambda p: p["graph_module"]["module_call_graph"][0]["signature"].update(in_spec="[1, 2]"), "does not say how values are nested"),
    "a number in the place of a dtype": (argument("dtype", {"as_int": 1000}), "is not a dtype"),
    "a number in the place of a memory format": (argument("memory_format", {"as_int": 4}), "is not a memory_format"),
    "an operator that writes into another": (target("torch.ops.aten.add.out"), "is the operator torch.ops.aten.add.out"),
    "an operator of another engine": (target("torch.ops.aten.fbgemm_pack_gemm_matrix_fp16.default"), "is the operator"),
    "an operator of training": (target("torch.ops.aten.max_pool2d_with_indices_backward.default"), "is the operator"),
    "an operator that makes sparse tensors": (target("torch.ops.aten.sparse_csr_tensor.crow_col_value"), "is the operator"),
    "an operator that saves": (target("torch.ops.aten.save.default"), "is the operator"),
    "a text with control characters": (lambda p: p.update(torch_version="2\n"), "is a text with other characters"),
    "nesting without end": (deep, "is nested too deep"),
}


@pytest.mark.parametrize("name", LIES)
def test_an_altered_program_is_refused_before_pytorch_reads_it(name: str) -> None:
    change, said = LIES[name]
    program = json.loads(genuine("program with a branch"))
    change(program)
    with pytest.raises(InvalidState) as caught:
        check_program(json.dumps(program), catalog().operators, "model")
    assert said in caught.value.message
    assert caught.value.message.startswith("model: ")


def test_a_recurrent_layer_of_no_layers_is_refused() -> None:
    program = json.loads(genuine("program of an LSTM"))
    node = next(node for node in graph(program)["nodes"] if "lstm" in node["target"])
    held = next(one for one in node["inputs"] if one["name"] == "num_layers")
    for value, said in (({"as_int": 0}, "is a number of layers that no layer has"), ({"as_sym_int": {"as_int": 0}}, "is not a num_layers")):
        held["arg"] = value
        with pytest.raises(InvalidState, match=said):
            check_program(json.dumps(program), catalog().operators, "model")


def built(kind: str, **changes: Any) -> Any:
    adapter = torch_program.ADAPTERS[torch_program.NAME]
    assert isinstance(adapter, Record)
    return adapter.build({**adapter.dump(makers("torch")[kind]().model), **changes})


@pytest.mark.parametrize("which", ["a key", "a text", "a number of another kind", "rows", "no arguments", "nested", "state", "constants", "a method"])
def test_what_stands_beside_a_program_is_looked_at(which: str) -> None:
    import torch

    rows = torch.empty(4, 6, device="meta")
    nested: Any = rows
    for _ in range(30):
        nested = [nested]
    changes: dict[str, Any] = {
        "a key": {"example": (({'a", print(), "b': rows},), {})},
        "a text": {"example": (("' + print() + '",), {})},
        "a number of another kind": {"example": ((1j,), {})},
        "rows": {"example": ((torch.ones(4, 6),), {})},
        "no arguments": {"example": (rows,)},
        "nested": {"example": ((nested,), {})},
        "state": {"state": {"more": torch.ones(1)}},
        "constants": {"constants": {"forward": torch.ones(1)}},
        "a method": {"state": {"0.weight": "x"}},
    }[which]
    with pytest.raises(InvalidState, match="exported program"):
        built("program", **changes)


def test_a_program_is_not_trusted_by_default_and_keeps_no_row() -> None:
    import torch

    row = torch.tensor([[123456.789, 42.0]])
    program = torch.export.export(torch.nn.Linear(2, 1), (row,))
    blob = holdfast.dumps(program)
    assert row.numpy().tobytes()[:4] not in blob
    with pytest.raises(UntrustedType, match="ExportedProgram"):
        holdfast.loads(blob)
    back = holdfast.loads(blob, trusted=[torch_program.NAME])
    assert torch.equal(back.module()(row), program.module()(row))
    with pytest.raises(AssertionError, match="Guard failed"):
        back.module()(torch.ones(3, 2))


@pytest.mark.parametrize("text", [None, "x" * (64 * 2**20 + 1), "{", "[]", '{"a": NaN}', "[" * 100_000], ids=["none", "too long", "no JSON", "a list", "NaN", "nested"])
def test_what_is_no_program_is_refused(text: Any) -> None:
    with pytest.raises(InvalidState):
        check_program(text, catalog().operators, "model")


@pytest.mark.parametrize("kind", KINDS)
def test_a_genuine_program_is_accepted(kind: str) -> None:
    check_program(genuine(kind), catalog().operators, "model")


def test_the_check_is_made_when_a_file_is_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import torch

    adapter = torch_program.ADAPTERS[torch_program.NAME]
    assert isinstance(adapter, Record)
    program = json.loads(genuine("program with a branch"))
    first_expression(program).update(expr_str=CODE)
    changed = Record(lambda one: {**adapter.dump(one), "program": json.dumps(program)}, adapter.build)
    from holdfast.frameworks import torch_

    monkeypatch.setitem(torch_.ADAPTERS, torch_program.NAME, changed)
    blob = holdfast.dumps(makers("torch")["program with a branch"]().model)
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidState, match="is no arithmetic over sizes"):
        holdfast.loads(blob, trusted=[torch_program.NAME])
    assert not (tmp_path / "executed").exists()
    assert isinstance(torch.nn.Linear(1, 1), torch.nn.Module)


def test_what_is_below_an_operator_and_no_overload_is_refused() -> None:
    specimen = makers("torch")["program"]()
    adapter = torch_program.ADAPTERS[torch_program.NAME]
    assert isinstance(adapter, Record)
    fields = adapter.dump(specimen.model)
    with pytest.raises(VersionMismatch, match=r"aten\.linear\.overloads, which PyTorch"):
        adapter.build({**fields, "program": fields["program"].replace("aten.linear.default", "aten.linear.overloads")})


def test_what_cannot_be_kept_is_refused_when_it_is_saved() -> None:
    import torch

    class Left(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return torch.empty(3) + x

    with pytest.raises(UnsupportedModel, match=r"aten\.empty\.memory_format, which is not on the list.*torch\.export\.save"):
        holdfast.dumps(torch.export.export(Left(), (torch.ones(3),)))


def mutated(text: str, rng: random.Random) -> str:
    """Return a program with one value taken from elsewhere in it, or one that is odd."""
    program = json.loads(text)
    places: list[tuple[Any, Any]] = []

    def walk(value: Any) -> None:
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            places.append((value, key))
            if isinstance(one, dict | list):
                walk(one)

    walk(program)
    odd = [-1, 0, 1, 2, 7, 1000, True, None, "x", [], {}, 0.5, -(2**40)]
    for _ in range(rng.choice((1, 1, 2, 4))):
        holder, key = rng.choice(places)
        other, other_key = rng.choice(places)
        way = rng.randrange(3)
        try:
            if way == 0 and isinstance(holder, dict):
                del holder[key]
            else:
                holder[key] = other[other_key] if way == 1 else rng.choice(odd)
        except (KeyError, IndexError):
            continue
    try:
        return json.dumps(program)
    except (ValueError, RecursionError):
        return text


def ask(count: int, seed: int) -> None:
    """Load altered programs that the check lets through, and run them: run in a process of its own, which has to live.

    Kernels of recurrent layers believe the sizes that they are given, which is why no program is trusted by default; it is left out here.
    """
    import logging

    import torch

    logging.disable(logging.CRITICAL)
    torch.set_num_threads(1)
    adapter = torch_program.ADAPTERS[torch_program.NAME]
    assert isinstance(adapter, Record)
    ran = 0
    for kind in [kind for kind in KINDS if "LSTM" not in kind]:
        specimen = makers("torch")[kind]()
        fields = adapter.dump(specimen.model)
        for number in range(count):
            rng = random.Random(f"{kind} {seed} {number}")
            text = mutated(fields["program"], rng)
            sys.stderr.write(f"{kind} {number}\n")
            sys.stderr.flush()
            try:
                check_program(text, catalog().operators, "model")
                built = adapter.build({**fields, "program": text})
            except HoldfastError:
                continue
            try:
                specimen.ask(built)
                ran += 1
            except Exception:
                continue  # PyTorch may say no in its own words
    sys.stdout.write(f"{ran}\n")


def test_altered_graphs_give_errors_and_no_crash() -> None:
    done = subprocess.run([sys.executable, "-m", "tests.hostile.test_hostile_programs", "20", "0"], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, f"{done.stderr.strip().splitlines()[-1:]} ended the process with {done.returncode}"
    assert int(done.stdout) > 0


if __name__ == "__main__":
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (24 * 2**30, 24 * 2**30))
    ask(int(sys.argv[1]), int(sys.argv[2]))
