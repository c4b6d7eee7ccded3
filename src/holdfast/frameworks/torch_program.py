"""PyTorch: programs that ``torch.export`` made, as their graph in JSON and their tensors.

Strategy. PyTorch's own serialiser gives the graph; tensors are kept as tensors beside it. Where in the source each operator came from
is left out, and so is the code of guards, which PyTorch makes anew from the ranges of the sizes.

The one rule: a program is saved only if it passes the check that a load makes, so that nothing is found out too late.
"""

from __future__ import annotations

import importlib
import json
from typing import Any

from holdfast.errors import InvalidState, UnsupportedModel, VersionMismatch, quoted
from holdfast.frameworks.adapter import Adapter, Record
from holdfast.trust.catalog import catalog
from holdfast.trust.state.torch_program import check_program

_KEPT = "nn_module_stack"
"""What is kept of where an operator came from: unflattening needs it."""


def _serde() -> Any:
    return importlib.import_module("torch._export.serde.serialize")


def _portable(value: Any) -> Any:
    """Return a program without the source lines of its operators, and without offsets of storages, which no reader looks at."""
    if type(value) is list:
        return [_portable(one) for one in value]
    if type(value) is not dict:
        return value
    kept: dict[str, Any] = {}
    for name, one in value.items():
        if name == "metadata":
            kept[name] = {key: text for key, text in one.items() if key == _KEPT}
        else:
            kept[name] = {"as_int": 0} if name == "storage_offset" else _portable(one)
    return kept


def _dump(program: Any) -> dict[str, Any]:
    serde = _serde()
    try:
        made = serde.ExportedProgramSerializer().serialize(program, serialize_state_dict=False, serialize_constants=False, serialize_example_inputs=False)
        plain = _portable(json.loads(serde._to_json_bytes(made.exported_program)))
        text = json.dumps({**plain, "guards_code": []}, sort_keys=True, separators=(",", ":"))
        check_program(text, catalog().operators, "the program")
    except InvalidState as error:
        raise UnsupportedModel(f"cannot save this exported program: {error.message.partition('; the file is')[0]}; save it with torch.export.save") from None
    except Exception as error:
        raise UnsupportedModel(f"cannot save this exported program: PyTorch cannot serialise it ({type(error).__name__}: {str(error)[:300]})") from None
    torch = importlib.import_module("torch")
    if not all(isinstance(one, torch.Tensor) for one in program.constants.values()):
        raise UnsupportedModel("cannot save this exported program: it holds objects of code, such as TorchScript classes; save it with torch.export.save")
    return {"program": text, "state": dict(program.state_dict), "constants": dict(program.constants), "example": program.example_inputs}


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


def _build(fields: dict[str, Any]) -> Any:
    serde = _serde()
    read = json.loads(fields["program"])
    _check_overloads(read)
    try:
        program = serde._dict_to_dataclass(serde.ExportedProgram, read)
        found = serde.ExportedProgramDeserializer().deserialize(program, dict(fields["state"]), dict(fields["constants"]), fields["example"])
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
    """Return what a program answers to rows, or to a dict of inputs by name, as arrays."""
    from holdfast.frameworks.torch_ import arrays_of, tensor_of

    torch = importlib.import_module("torch")
    like = next((one for one in program.state_dict.values() if one.is_floating_point()), None)
    given = inputs if isinstance(inputs, dict) else None
    with torch.inference_mode():
        call = program.module()
        return arrays_of(call(**{name: tensor_of(value, like) for name, value in given.items()}) if given is not None else call(tensor_of(inputs, like)))


NAME = "torch.export.exported_program.ExportedProgram"
ADAPTERS: dict[str, Adapter] = {NAME: Record(_dump, _build)}
ASKED = {NAME: {"forward": forward}}
