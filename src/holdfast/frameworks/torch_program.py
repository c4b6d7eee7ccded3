"""PyTorch: programs that ``torch.export`` made, as their graph in JSON and their tensors.

Strategy. PyTorch's own serialiser gives the graph; tensors are kept as tensors beside it. Where in the source each operator came from
is left out, and so are the numbers of the example and the code of guards, which PyTorch makes anew from the ranges of the sizes.

The one rule: a program is never trusted by default, and passes the same check when it is saved and before PyTorch reads it.
"""

from __future__ import annotations

import importlib
import json
import re
from typing import Any

from holdfast.errors import HoldfastError, InvalidState, UnsupportedModel, VersionMismatch, quoted
from holdfast.frameworks.adapter import Adapter, Record
from holdfast.trust.catalog import catalog
from holdfast.trust.state.torch_program import check_program

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,200}")
_PLAIN = re.compile(r"[A-Za-z0-9_ .-]{0,200}")

_KEPT = "nn_module_stack"
"""What is kept of where an operator came from: unflattening needs it."""


def _serde() -> Any:
    return importlib.import_module("torch._export.serde.serialize")


def portable(value: Any, said: bool = False) -> Any:
    """Return a program without the source lines of its operators, without offsets of storages, which no reader looks at, and with plain words in assertions."""
    if type(value) is list:
        return [portable(one, said) for one in value]
    if type(value) is not dict:
        return value
    kept: dict[str, Any] = {}
    for name, one in value.items():
        if name == "metadata":
            kept[name] = {key: text for key, text in one.items() if key == _KEPT}
        elif name == "as_string" and said:
            kept[name] = "a condition of the program does not hold"
        else:
            kept[name] = {"as_int": 0} if name == "storage_offset" else portable(one, said or str(value.get("target")).startswith("torch.ops.aten._assert"))
    return kept


def _dump(program: Any) -> dict[str, Any]:
    serde = _serde()
    try:
        made = serde.ExportedProgramSerializer().serialize(program, serialize_state_dict=False, serialize_constants=False, serialize_example_inputs=False)
        plain = portable(json.loads(serde._to_json_bytes(made.exported_program)))
        text = json.dumps({**plain, "guards_code": []}, sort_keys=True, separators=(",", ":"))
        check_program(text, catalog().operators, "the program")
    except InvalidState as error:
        raise UnsupportedModel(f"cannot save this exported program: {error.message.partition('; the file is')[0]}; save it with torch.export.save") from None
    except Exception as error:
        raise UnsupportedModel(f"cannot save this exported program: PyTorch cannot serialise it ({type(error).__name__}: {str(error)[:300]})") from None
    torch = importlib.import_module("torch")
    if not all(isinstance(one, torch.Tensor) for one in program.constants.values()):
        raise UnsupportedModel("cannot save this exported program: it holds objects of code, such as TorchScript classes; save it with torch.export.save")
    return {"program": text, "state": dict(program.state_dict), "constants": dict(program.constants), "example": _shapes(program.example_inputs)}


def _check_overloads(value: Any) -> None:
    """Refuse targets below an operator that are not its overloads, such as methods of the object that holds them."""
    if type(value) is list:
        for one in value:
            _check_overloads(one)
    elif type(value) is dict:
        target = value.get("target")
        if type(target) is str and target.startswith("torch.ops.aten."):
            torch = importlib.import_module("torch")
            name, overload = target.split(".")[3:]
            if not isinstance(getattr(getattr(torch.ops.aten, name, None), overload, None), torch._ops.OpOverload):
                raise VersionMismatch(f"an exported program uses {quoted(target)}, which PyTorch {torch.__version__} does not have; load it with the version that made it")
        for one in value.values():
            _check_overloads(one)


def _shapes(value: Any) -> Any:
    """Return an example with tensors that have a shape and no numbers: what the program was traced with is nobody's business."""
    torch = importlib.import_module("torch")
    if isinstance(value, torch.Tensor):
        return torch.empty(value.shape, dtype=value.dtype, device="meta")
    if type(value) in (list, tuple):
        return type(value)(map(_shapes, value))
    if isinstance(value, dict):
        return {key: _shapes(one) for key, one in value.items()}
    return value


def _example(value: Any, depth: int = 0) -> Any:
    """Return an example with zeros for numbers, once nothing in it could be more than an example: its keys become Python source.

    Raises:
        InvalidState: it holds something else than tensors, plain values and containers with plain names.
    """
    torch = importlib.import_module("torch")
    if depth > 20:
        raise InvalidState("the example of an exported program is nested too deep; the file is damaged or was altered.")
    if type(value) is torch.Tensor and value.is_meta and value.numel() < 2**40:
        # one number stands for all, whatever shape the file says
        return torch.zeros((), dtype=value.dtype).expand(value.shape)
    if value is None or type(value) in (bool, int, float) or (type(value) is str and _PLAIN.fullmatch(value)):
        return value
    if type(value) in (list, tuple):
        return type(value)(_example(one, depth + 1) for one in value)
    if type(value) is dict and all(type(key) is int or (type(key) is str and _NAME.fullmatch(key)) for key in value):
        return {key: _example(one, depth + 1) for key, one in value.items()}
    raise InvalidState("the example of an exported program holds what no example does; the file is damaged or was altered.")


def _check_tensors(read: dict[str, Any], fields: dict[str, Any]) -> None:
    """Refuse tensors that the program does not name: they would become attributes of its module."""
    torch = importlib.import_module("torch")
    specs = [one for spec in read["graph_module"]["signature"]["input_specs"] for one in spec.values()]
    named = {one.get(f"{kind}_name") for one in specs for kind in ("parameter", "buffer", "tensor_constant")} - {None}
    for part in ("state", "constants"):
        if not all(name in named and isinstance(one, torch.Tensor) for name, one in fields[part].items()):
            raise InvalidState(f"the {part} of an exported program holds what the program does not name; the file is damaged or was altered.")


def _build(fields: dict[str, Any]) -> Any:
    serde = _serde()
    read = check_program(fields["program"], catalog().operators, "an exported program")
    _check_overloads(read)
    try:
        _check_tensors(read, fields)
        example = _example(fields["example"])
        if example is not None and (type(example) is not tuple or list(map(type, example)) != [tuple, dict]):
            raise InvalidState("the example of an exported program is not arguments; the file is damaged or was altered.")
        program = serde._dict_to_dataclass(serde.ExportedProgram, read)
        found = serde.ExportedProgramDeserializer().deserialize(program, dict(fields["state"]), dict(fields["constants"]), example)
    except HoldfastError:
        raise
    except serde.SerializeError as error:
        torch = importlib.import_module("torch")
        raise VersionMismatch(
            f"PyTorch {torch.__version__} cannot read this exported program, made with {str(read.get('torch_version'))[:40]} ({str(error)[:200]}); load it with that version"
        ) from None
    except Exception as error:
        raise InvalidState(f"an exported program cannot be read ({type(error).__name__}: {str(error)[:200]}); the file is damaged or was altered.") from None
    finally:
        serde._CURRENT_DESERIALIZER = None
    return found


def forward(program: Any, inputs: Any) -> Any:
    """Return what a program answers, as arrays.

    Args:
        program: an exported program.
        inputs: rows for a program of one input; for several a dict by their names, or a tuple in their order. Numbers become what
            the program was traced with.

    Raises:
        KeyError: an input is not there; names it.
    """
    from holdfast.frameworks.torch_ import arrays_of

    torch, pytree = importlib.import_module("torch"), importlib.import_module("torch.utils._pytree")
    signature = program.module_call_graph[0].signature
    names, keywords = list(signature.forward_arg_names), list(signature.in_spec.child(1).context)
    if isinstance(inputs, dict) and set(names) <= set(inputs):
        values = [inputs[name] for name in names]
    elif len(names) == 1:
        values = [inputs]
    elif isinstance(inputs, dict):
        raise KeyError(f"the program takes {', '.join(names)}; there is no {', '.join(name for name in names if name not in inputs)}")
    else:
        values = list(inputs) if isinstance(inputs, tuple | list) and len(inputs) == len(names) else [inputs]
    count = len(names) - len(keywords)
    given = (tuple(values[:count]), dict(zip(names[count:], values[count:], strict=True)))
    leaves, spec = pytree.tree_flatten(given, is_leaf=lambda one: isinstance(one, list))
    wanted = [node.meta["val"] for node in program.graph.nodes if node.op == "placeholder" and node.name in program.graph_signature.user_inputs]
    if len(wanted) == len(leaves):
        leaves = [_as_traced(leaf, one) for leaf, one in zip(leaves, wanted, strict=True)]
    args, named = pytree.tree_unflatten(leaves, spec)
    with torch.inference_mode():
        return arrays_of(program.module()(*args, **named))


def _as_traced(value: Any, like: Any) -> Any:
    """Return a value as the tensor that an input was when the program was traced."""
    from holdfast.frameworks.torch_ import tensor_of

    torch = importlib.import_module("torch")
    if not isinstance(like, torch.Tensor):
        return value
    tensor = tensor_of(value, None)
    if like.is_floating_point() or not tensor.is_floating_point() or bool((tensor == tensor.round()).all()):
        tensor = tensor.to(like.dtype)
    return tensor.to(like.device)


NAME = "torch.export.exported_program.ExportedProgram"
ADAPTERS: dict[str, Adapter] = {NAME: Record(_dump, _build)}
ASKED = {NAME: {"forward": forward}}
