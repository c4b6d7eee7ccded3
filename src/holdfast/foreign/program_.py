"""Programs of ``torch.export`` (``.pt2``): the graph in JSON, and the tensors beside it.

The archive is read as data into the fields of a native file, and passes the same check; a program stays something that a caller
has to trust by name. Source: PyTorch's ``torch/export/pt2_archive``, archive version 0.

The one rule: what PyTorch keeps as a pickle in the archive, such as the rows of the example, is read as data too, and only its shapes are kept.
"""

from __future__ import annotations

import json
from typing import Any

from holdfast.errors import FormatError, UnsupportedModel, quoted
from holdfast.foreign.archive import Archive
from holdfast.foreign.made import Made, NameTable
from holdfast.foreign.reading import Given, Reading
from holdfast.foreign.rules_torch import Storage, window
from holdfast.foreign.strict_json import parse
from holdfast.foreign.torch_ import read_archive
from holdfast.frameworks.torch_program import portable
from holdfast.values.outline import Outline, Pairs

PROGRAM = "torch.export.exported_program.ExportedProgram"
_DTYPES = {
    1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "float16", 7: "float32", 8: "float64", 10: "complex64", 11: "complex128", 12: "bool", 13: "bfloat16",
    28: "uint16", 29: "float8_e4m3fn", 30: "float8_e5m2", 31: "float8_e4m3fnuz", 32: "float8_e5m2fnuz", 33: "float8_e8m0fnu", 34: "uint32", 35: "uint64",
}  # fmt: skip
"""Number of a dtype in the archive -> its name; from PyTorch's ``torch/_export/serde/schema.py``."""
_STRIDED = 7


def read(given: Given) -> Reading:
    """Return the program of a ``.pt2`` archive.

    Raises:
        FormatError: it is damaged.
        UnsupportedModel: it holds compiled code, several models, or something else than tensors.
    """
    archive = Archive(given.data)
    root = next((name.removesuffix("models/model.json") for name in archive.names if name.endswith("models/model.json")), None)
    if root is None or sum(name.startswith(f"{root}models/") for name in archive.names) != 1:
        raise UnsupportedModel("the archive holds no program of the name 'model', or several; load it with torch.export.load where you trust it, and save the program with holdfast.save")
    if any("/aotinductor/" in name or name.endswith((".so", ".cpp", ".cubin")) for name in archive.names):
        raise UnsupportedModel("the archive holds compiled code; load it with PyTorch where you trust it")
    plain = portable(parse(bytes(archive.content(f"{root}models/model.json")), "the program"))
    if type(plain) is not dict:
        raise FormatError("the archive holds no program; it is damaged or was altered")
    version = plain.get("torch_version")
    text = json.dumps({**plain, "guards_code": []}, sort_keys=True, separators=(",", ":"))
    fields = {
        "program": text,
        "state": _tensors(archive, root, "weights", given.names),
        "constants": _tensors(archive, root, "constants", given.names),
        "example": _example(archive, root, given.names),
    }
    given.names.named("torch.export.exported_program", "ExportedProgram", 0, 4)
    given.names.called(PROGRAM, 0)
    versions = {"torch": version.partition("+")[0]} if type(version) is str else {}
    return Reading("torch.export", Outline(PROGRAM, fields, True), versions, archive.decoded)


def _tensors(archive: Archive, root: str, kind: str, names: NameTable) -> Pairs:
    folder = f"{root}data/{kind}/"
    config = f"{folder}model_{kind}_config.json"
    made = Pairs()
    told = parse(bytes(archive.content(config)), config).get("config", {}) if config in archive else {}
    memories: dict[str, Storage] = {}
    for name, one in told.items():
        try:
            meta, place = one["tensor_meta"], one["path_name"]
            if one["use_pickle"] or meta["layout"] != _STRIDED or f"{folder}{place}" not in archive:
                raise UnsupportedModel(f"the tensor {quoted(name, 80)!r} of the program is kept as a pickle, or is not dense; load it with torch.export.load, and save the program with holdfast.save")
            dtype = _DTYPES[meta["dtype"]]
            if place not in memories:
                memories[place] = Storage(archive.content(f"{folder}{place}"), dtype)
            sizes, strides = ([length["as_int"] for length in meta[key]] for key in ("sizes", "strides"))
            array, _ = window(memories[place], meta["storage_offset"]["as_int"], tuple(sizes), tuple(strides), dtype)
            needs_grad = bool(meta["requires_grad"])
            parameter = bool(one["is_param"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if isinstance(error, FormatError | UnsupportedModel):
                raise
            raise FormatError(f"the tensor {quoted(name, 80)!r} of the program is described in a way that is none; the file is damaged or was altered") from None
        more = {"requires_grad": needs_grad} if parameter or needs_grad else {}
        made.keys.append(name)
        made.values.append(Outline("torch.nn.parameter.Parameter" if parameter else "torch.Tensor", {"array": array, "dtype": dtype, **more}, True))
    return made


def _example(archive: Archive, root: str, names: NameTable) -> Any:
    """Return the example as shapes alone; None where there is none."""
    place = f"{root}data/sample_inputs/model.pt"
    if place not in archive:
        return None
    return _shapes(read_archive(Archive(archive.content(place)), names), 0)


def _shapes(value: Any, depth: int) -> Any:
    if depth > 20:
        raise FormatError("the example of the program nests too deep; the file is damaged or was altered")
    if type(value) is Made:
        made = value.finish()
        if type(made) is Outline and made.type in ("torch.Tensor", "torch.nn.parameter.Parameter") and "array" in made.fields:
            return Outline("torch.Tensor", {"layout": "meta", "shape": tuple(made.fields["array"].shape), "dtype": made.fields["dtype"]}, True)
        raise UnsupportedModel("the example of the program holds what is neither a tensor nor a plain value")
    if type(value) in (list, tuple):
        return type(value)(_shapes(one, depth + 1) for one in value)
    if type(value) is Pairs:
        kept = Pairs()
        kept.keys, kept.values = list(value.keys), [_shapes(one, depth + 1) for one in value.values]
        return kept
    return value
