"""What an export says about itself: kept inside the file, whatever its target.

The one rule: a file from elsewhere has none of it, and is read all the same.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from holdfast.errors import quoted
from holdfast.exports.proof import ExportProof
from holdfast.values.manifest import Signature

KEY = "holdfast"
"""Name under which it stands in a file."""


class About(msgspec.Struct, frozen=True):
    """What stands in the file of an export.

    Attributes:
        model: exact name of the model's type.
        family: the family whose tolerance counted.
        signature: named, typed inputs and outputs, and the labels as the user had them.
        answers: output of the file -> method that it answers.
        proof: the record of replaying it.
        format: version of this record.
    """

    model: str
    family: str
    signature: Signature | None
    answers: dict[str, str]
    proof: ExportProof | None
    format: int = 1


class Exported(NamedTuple):
    """What an export gave.

    Attributes:
        path: the file.
        target: ``onnx`` or ``pmml``.
        family: the family of the model, whose tolerance counted.
        plan: how precision was kept.
        nbytes: bytes of the file, and of the one with its weights where there is one.
        proof: the record of replaying it in its own runtime.
    """

    path: str
    target: str
    family: str
    plan: str
    nbytes: int
    proof: ExportProof

    def __str__(self) -> str:
        return f"{quoted(self.path, 400)}: {self.target}, {self.nbytes} bytes, family {self.family}\n{self.proof}"


class Description(msgspec.Struct, frozen=True):
    """What a file says about itself, without running it.

    Attributes:
        path: the file.
        target: ``onnx`` or ``pmml``.
        nbytes: its bytes.
        inputs: name -> dtype and shape, or what is allowed.
        outputs: name -> dtype and shape.
        details: versions and counts, by name.
        about: what holdfast wrote into it, or None for a file from elsewhere.
    """

    path: str
    target: str
    nbytes: int
    inputs: dict[str, str]
    outputs: dict[str, str]
    details: dict[str, str]
    about: About | None

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data, in a stable shape."""
        return msgspec.to_builtins(self)  # type: ignore[no-any-return]

    def __str__(self) -> str:
        lines = [f"{quoted(self.path, 400)}: {self.target}, {self.nbytes} bytes"]
        for title, values in (("inputs", self.inputs), ("outputs", self.outputs), ("details", self.details)):
            shown = [f"{quoted(name, 80)} {quoted(value, 80)}" for name, value in list(values.items())[:20]]
            lines.append(f"  {title}: {', '.join(shown) or 'none'}{', …' if len(values) > 20 else ''}")
        if self.about is None:
            lines.append("  not made by holdfast: no proof")
            return "\n".join(lines)
        lines.append(f"  model: {quoted(self.about.model)}, family {quoted(self.about.family)}")
        if self.about.signature is not None and self.about.signature.classes is not None:
            lines.append(f"  classes: {', '.join(quoted(repr(one), 60) for one in self.about.signature.classes[:20])}")
        if self.about.proof is not None:
            # the texts of a proof come from the file
            lines.append("\n".join("  " + quoted(line, 2000) for line in str(self.about.proof).splitlines()))
        return "\n".join(lines)



def about_text(about: About) -> str:
    """Return what an export says about itself as JSON. Proofs with infinite figures are never written."""
    return msgspec.json.encode(about, order="deterministic").decode()


def read_about(text: Any) -> About | None:
    """Return what an export says about itself, or None when this is not readable: then the file is one from elsewhere."""
    try:
        return msgspec.json.decode(text, type=About)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, TypeError):
        return None
