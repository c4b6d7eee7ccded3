"""``.keras`` files: a zip archive of the description, the weights in HDF5, and the vocabularies of some layers.

The description is data, and names classes; it is checked as that of a native file, the model is made from it by the same code,
and Keras' own walk over the model then takes each layer's weights out of what was read here. Source: Keras'
``saving/saving_lib.py``.

The one rule: the weights are read by our reader; Keras never opens the file.
"""

from __future__ import annotations

from typing import Any

from holdfast.errors import FormatError, UnsupportedModel, quoted
from holdfast.foreign.archive import Archive
from holdfast.foreign.hdf5_ import contents
from holdfast.foreign.reading import Given, Reading
from holdfast.foreign.strict_json import parse
from holdfast.trust.state.keras import NEVER, name_of_part, parts
from holdfast.values.outline import Outline, Pairs


def read(given: Given) -> Reading:
    """Return the model of a ``.keras`` file.

    Raises:
        FormatError: it is damaged.
        InvalidState: its description is code, or leads to a file.
        UnsupportedModel: it keeps its weights in a form that is not read.
    """
    archive = Archive(given.data)
    description = bytes(archive.content("config.json"))
    told = parse(description, "config.json")
    metadata = parse(bytes(archive.content("metadata.json")), "metadata.json") if "metadata.json" in archive else {}
    if type(told) is not dict or type(told.get("class_name")) is not str:
        raise FormatError("config.json does not describe a model; the file is damaged or was altered")
    kind = told["class_name"]
    own: dict[str, Any] = {}
    custom = Pairs()
    for part in parts(told, quoted(kind, 60)):
        name, registered = name_of_part(part, quoted(kind, 60))
        if name == "function":
            raise UnsupportedModel(f"the model uses the function {quoted(registered, 80)!r}, for which the file keeps no module; load it with keras, and save the model with holdfast.save")
        module, _, last = name.rpartition(".")
        stands = given.names.named(module, last, 0, 4)
        if name in NEVER:
            raise FormatError(f"the model holds a {name}, which is code; no file that holds one is loaded")
        if registered is None:
            own[name] = stands
        elif registered not in custom.keys:
            custom.keys.append(registered)
            custom.values.append(stands)
    weights, bits, assets = _weights(archive)
    home = told.get("module")
    root = f"{home}.{kind}" if type(home) is str else f"keras.{kind}"
    given.names.called(root, 0)
    fields = {
        "description": description.decode("utf-8"), "classes": tuple(own[name] for name in sorted(own)), "custom": custom, "variables": {}, "vocabularies": {},
        "[weights]": weights, "[bits]": bits, "[assets]": assets,
    }  # fmt: skip
    version = metadata.get("keras_version") if type(metadata) is dict else None
    versions = {"keras": version} if type(version) is str else {}
    return Reading(f"Keras {quoted(version or '?', 20)}", Outline(root, fields, True), versions, archive.decoded)


def _weights(archive: Archive) -> tuple[dict[str, Any], dict[str, str], dict[str, str]]:
    weights: dict[str, Any] = {}
    bits: dict[str, str] = {}
    assets: dict[str, str] = {}
    for name in archive.names:
        if name == "model.weights.h5":
            weights, _, bits = contents(archive.content(name))
        elif name.startswith("assets/") and name.endswith(".txt"):
            try:
                assets[name.removeprefix("assets/")] = bytes(archive.content(name)).decode("utf-8")
            except UnicodeDecodeError:
                raise FormatError(f"the vocabulary {quoted(name, 80)!r} is no text; the file is damaged or was altered") from None
        elif name not in ("config.json", "metadata.json"):
            raise UnsupportedModel(f"the file keeps {quoted(name, 80)!r} beside its weights, which is not read; load it with keras, and save the model with holdfast.save")
    return weights, bits, assets


