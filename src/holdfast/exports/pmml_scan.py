"""Looking at a PMML file before Java does: plain UTF-8, no document type, no entities, bounded depth, only what PMML itself computes.

The one rule: what is refused here is refused on the bytes, before any parser sees them; the parser that comes then has nothing to expand or fetch.
"""

from __future__ import annotations

import os
import re
from typing import Any, NamedTuple
from xml.parsers import expat

from holdfast.errors import FormatError, LimitExceeded, quoted
from holdfast.exports.about import KEY
from holdfast.values import limits

NAMESPACE = re.compile(r"http://www\.dmg\.org/PMML-\d_\d\Z")
DECLARATION = re.compile(rb"\A\s*<\?xml\s[^>]*?\?>")
ENCODING = re.compile(rb"encoding\s*=\s*[\"']([^\"']*)[\"']")
CLASS_NAME = re.compile(r"[A-Za-z_$][\w$]*(\.[A-Za-z_$][\w$]*)+\Z")
FOREIGN = ("TableLocator", "include")
"""Elements that point to data elsewhere."""


class Found(NamedTuple):
    """What stands in a file.

    Attributes:
        version: of PMML.
        fields: name -> operational type and dtype, of the data dictionary.
        values: name -> texts of its valid values.
        roles: name -> usage in the outermost model.
        outputs: name -> feature and value.
        model: element and function of the outermost model.
        about: what holdfast wrote, as text, or None.
        elements: how many there are.
    """

    version: str
    fields: dict[str, tuple[str, str]]
    values: dict[str, list[str]]
    roles: dict[str, str]
    outputs: dict[str, tuple[str, str]]
    model: tuple[str, str]
    about: str | None
    elements: int


def read_pmml(path: str) -> Found:
    """Return what stands in a checked file.

    Raises:
        FormatError: it is damaged, or holds what a model has no business with.
        LimitExceeded: it is larger or deeper than a named limit.
    """
    size = os.path.getsize(path)
    if size > limits.PMML_BYTES:
        raise LimitExceeded(f"the file has {size} bytes, and PMML files have at most {limits.PMML_BYTES} (PMML_BYTES)", file=path)
    with open(path, "rb") as file:
        data = file.read()
    try:
        _check_bytes(data)
        return _Reader().read(data)
    except FormatError as error:
        raise error.at(path) from None


def _check_bytes(data: bytes) -> None:
    if data.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00")) or b"\0" in data:
        raise FormatError("a PMML file is UTF-8, and this is another encoding or no text")
    data = data.removeprefix(b"\xef\xbb\xbf")
    declared = DECLARATION.match(data)
    head = declared.group() if declared else b""
    encoding = ENCODING.search(head)
    if encoding is not None and encoding.group(1).lower() not in (b"utf-8", b"utf8", b"us-ascii", b"ascii"):
        raise FormatError(f"a PMML file is UTF-8, and this one says {quoted(encoding.group(1).decode('latin-1'))}")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(f"a PMML file is UTF-8, and byte {error.start} is not") from None
    low = data.lower()
    for sign, what in ((b"<!doctype", "a document type"), (b"<!entity", "an entity"), (b"2001/xinclude", "an inclusion of another file"), (b"<!element", "a document type")):
        if sign in low:
            raise FormatError(f"the file declares {what}, which no PMML file needs; such declarations are used to attack readers")
    if data.find(b"<?", len(head)) >= 0:
        raise FormatError("the file holds an instruction for a processor, which no PMML file needs")


class _Reader:
    """One pass over the elements, without recursion."""

    def __init__(self) -> None:
        self.path: list[str] = []
        self.count = 0
        self.version = ""
        self.fields: dict[str, tuple[str, str]] = {}
        self.values: dict[str, list[str]] = {}
        self.roles: dict[str, str] = {}
        self.outputs: dict[str, tuple[str, str]] = {}
        self.model = ("", "")
        self.about: str | None = None
        self.field = ""

    def read(self, data: bytes) -> Found:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.StartDoctypeDeclHandler = self.declared
        parser.EntityDeclHandler = self.declared
        try:
            parser.Parse(data, True)
        except expat.ExpatError as error:
            raise FormatError(f"this is not an XML file, or it ends too early: {error}") from None
        if not self.model[0]:
            raise FormatError("the file holds no model")
        return Found(self.version, self.fields, self.values, self.roles, self.outputs, self.model, self.about, self.count)

    def declared(self, *_: Any) -> None:
        raise FormatError("the file declares a document type, which no PMML file needs")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        space, _, tag = name.rpartition(" ")
        if not self.path:
            if tag != "PMML" or not NAMESPACE.match(space):
                raise FormatError(f"this is no PMML file: it begins with {quoted(name)!r}")
            self.version = attributes.get("version", "")
        self.path.append(tag)
        self.count += 1
        if len(self.path) > limits.PMML_DEPTH:
            raise LimitExceeded(f"elements nest deeper than {limits.PMML_DEPTH} (PMML_DEPTH)")
        if tag in FOREIGN:
            raise FormatError(f"the file points to data elsewhere ({tag})")
        if tag == "Apply" and CLASS_NAME.match(attributes.get("function", "")):
            raise FormatError(f"the file names a class of Java to run, {quoted(attributes['function'])!r}, and a model has only functions of PMML")
        self.keep(tag, attributes)

    def keep(self, tag: str, attributes: dict[str, str]) -> None:
        depth, name = len(self.path), attributes.get("name", "")
        if tag == "Extension" and depth == 3 and self.path[1] == "Header" and name == KEY:
            self.about = attributes.get("value")
        elif tag == "DataField" and depth == 3:
            self.field = name
            self.fields[name] = attributes.get("optype", ""), attributes.get("dataType", "")
        elif tag == "Value" and depth == 4 and self.path[2] == "DataField" and attributes.get("property", "valid") == "valid":
            self.values.setdefault(self.field, []).append(attributes.get("value", ""))
        elif depth == 2 and "functionName" in attributes and not self.model[0]:
            self.model = tag, attributes["functionName"]
        elif tag == "MiningField" and depth == 4 and self.path[2] == "MiningSchema":
            self.roles[name] = attributes.get("usageType", "active")
        elif tag == "OutputField" and (depth == 4 or attributes.get("feature") == "probability"):
            # boosters give their probabilities in the last of several models
            self.outputs[name] = attributes.get("feature", "predictedValue"), attributes.get("value", "")

    def end(self, _: str) -> None:
        self.path.pop()
