"""Small changes of what sklearn2pmml wrote: what happens to missing values, one threshold of LightGBM, and the proof in the header.

The one rule: whether a change was right is found out by replay, as for everything else.
"""

from __future__ import annotations

import re
from xml.sax.saxutils import quoteattr

from holdfast.errors import FormatError
from holdfast.exports.pmml_scan import Found

NEAR_ZERO = ("-1.0000000180025095E-35", "-1.0000000180025096E-35")
"""LightGBM takes values this close to zero for zero, so that its threshold just below zero is never met exactly; PMML has no such rule."""
NO_CATEGORY = "(missing)"
"""The text that stands for a missing category, and is in no list of categories."""


def _read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def edit(path: str, found: Found, missing: str, zero: bool) -> None:
    """Change a file in place.

    Args:
        path: the file.
        found: what stands in it.
        missing: ``""`` to leave missing values as they are, ``"answered"`` or ``"refused"``.
        zero: a missing number counts as zero, where missing values are answered.
    """
    text = _read(path).replace(f'value="{NEAR_ZERO[0]}"', f'value="{NEAR_ZERO[1]}"')
    start = text.find("<MiningSchema>")
    end = text.find("</MiningSchema>", start)
    if missing and 0 <= start < end:
        text = text[:start] + re.sub(r"<MiningField ([^<>]*?)/>", lambda field: _field(field.group(1), found, missing, zero), text[start:end]) + text[end:]
    _write(path, text)


def _field(attributes: str, found: Found, missing: str, zero: bool) -> str:
    """Return the element of one column with what is done when it is missing."""
    name = re.search(r'name=(?:"([^"]*)"|\'([^\']*)\')', attributes)
    if name is None or "usageType" in attributes or "missingValue" in attributes:
        return f"<MiningField {attributes}/>"
    number = any(found.fields[one][1] in ("double", "float", "integer") for one in found.fields if quoteattr(one)[1:-1] == (name.group(1) or name.group(2)))
    if missing == "refused":
        more = 'missingValueTreatment="returnInvalid"'
    elif not number:
        more = f'missingValueReplacement="{NO_CATEGORY}" missingValueTreatment="asValue"'
    elif zero:
        more = 'missingValueReplacement="0" missingValueTreatment="asValue"'
    else:
        return f"<MiningField {attributes}/>"
    return f"<MiningField {attributes} {more}/>"


def with_extension(path: str, name: str, value: str) -> None:
    """Put a named text into the header of a file.

    Raises:
        FormatError: it has no header.
    """
    text = _read(path)
    extension = f"<Extension name={quoteattr(name)} value={quoteattr(value)}/>"
    empty = re.search(r"<Header\b([^<>]*)/>", text[:100_000])
    full = re.search(r"<Header\b[^<>]*[^/]>|<Header>", text[:100_000])
    if full is not None:
        _write(path, f"{text[: full.end()]}{extension}{text[full.end() :]}")
    elif empty is not None:
        _write(path, f"{text[: empty.start()]}<Header{empty.group(1)}>{extension}</Header>{text[empty.end() :]}")
    else:
        raise FormatError("the file has no header", file=path)
