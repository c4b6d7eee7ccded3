"""PMML files that are no honest models: refused on their bytes, before a parser or Java sees them."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest

import holdfast
from holdfast.errors import FormatError, HoldfastError, LimitExceeded, Truncated
from holdfast.exports.opening import describe_export, open_export
from holdfast.values import limits

GENUINE = """<?xml version="1.0" encoding="UTF-8"?>
<PMML xmlns="http://www.dmg.org/PMML-4_4" version="4.4"><Header/>
<DataDictionary><DataField name="x" optype="continuous" dataType="double"/><DataField name="y" optype="continuous" dataType="double"/></DataDictionary>
<RegressionModel functionName="regression"><MiningSchema><MiningField name="x"/><MiningField name="y" usageType="target"/></MiningSchema>
<RegressionTable intercept="1"><NumericPredictor name="x" coefficient="2"/></RegressionTable></RegressionModel></PMML>"""


def refused(path: Path, kind: type[Exception], match: str) -> None:
    for read in (describe_export, open_export):
        with pytest.raises(kind, match=match) as caught:
            read(path)
        assert path.name in str(caught.value)


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "m.pmml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_an_honest_file_is_described(tmp_path: Path) -> None:
    said = describe_export(written(tmp_path, GENUINE))
    assert said.inputs == {"x": "continuous double"}
    assert said.outputs == {"y": "continuous double"}
    assert said.details["model"] == "RegressionModel"


BOMB = '<!DOCTYPE PMML [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>'
OUTSIDE = '<!DOCTYPE PMML [<!ENTITY a SYSTEM "file:///etc/hostname">]>'
FAR = '<!DOCTYPE PMML SYSTEM "http://127.0.0.1/x.dtd">'


@pytest.mark.parametrize("declared", [BOMB, OUTSIDE, FAR, "<!doctype PMML>", "<!DOCTYPE\tPMML []>", "<!ENTITY x 'y'>", "<!ELEMENT PMML ANY>"])
def test_document_types_and_entities_are_refused(declared: str, tmp_path: Path) -> None:
    head, rest = GENUINE.split("\n", 1)
    refused(written(tmp_path, f"{head}\n{declared}\n{rest}"), FormatError, "declares")
    refused(written(tmp_path, f"{head}\n{rest}{declared}"), FormatError, "declares")


def test_inclusions_are_refused(tmp_path: Path) -> None:
    included = '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/hostname" parse="text"/>'
    refused(written(tmp_path, GENUINE.replace("<Header/>", f"<Header>{included}</Header>")), FormatError, "inclusion")


def test_other_encodings_are_refused(tmp_path: Path) -> None:
    """An entity in UTF-16 or UTF-7 would pass a search for its letters."""
    refused(written(tmp_path, GENUINE.encode("utf-16")), FormatError, "UTF-8")
    refused(written(tmp_path, GENUINE.encode("utf-16-le")), FormatError, "UTF-8")
    refused(written(tmp_path, GENUINE.replace("UTF-8", "UTF-7")), FormatError, "UTF-8")
    refused(written(tmp_path, GENUINE.replace("UTF-8", "EBCDIC-CP-US")), FormatError, "UTF-8")
    refused(written(tmp_path, GENUINE.replace("<Header/>", "<Header>ü</Header>").encode("latin-1")), FormatError, "UTF-8")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (GENUINE.replace("<Header/>", "<?xml-stylesheet href='x'?><Header/>"), "instruction"),
        (GENUINE.replace("<RegressionTable", '<LocalTransformations><DerivedField name="d" optype="continuous" dataType="double"><Apply function="java.lang.Runtime"/></DerivedField></LocalTransformations><RegressionTable'), "class of Java"),
        (GENUINE.replace("<Header/>", "<Header/><TableLocator/>"), "elsewhere"),
        (GENUINE.replace("http://www.dmg.org/PMML-4_4", "http://example.com/"), "no PMML file"),
        (GENUINE.replace("RegressionModel", "Nothing").replace("functionName", "other"), "no model"),
        ("<a/>", "no PMML file"),
        ("not xml", "not an XML file"),
        ("<html><body>404</body></html>", "HTML"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "LFS"),
    ],
)  # fmt: skip
def test_what_a_model_has_no_business_with_is_refused(content: str, match: str, tmp_path: Path) -> None:
    refused(written(tmp_path, content), FormatError, match)


def test_files_cut_anywhere_are_refused(tmp_path: Path) -> None:
    refused(written(tmp_path, b""), Truncated, "empty")
    for place in np.linspace(1, len(GENUINE) - 1, 50).astype(int).tolist():
        with pytest.raises(FormatError):
            describe_export(written(tmp_path, GENUINE[:place]))


def test_limits_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = GENUINE.replace("<Header/>", "<Header>" + "<Extension>" * limits.PMML_DEPTH + "</Extension>" * limits.PMML_DEPTH + "</Header>")
    refused(written(tmp_path, deep), LimitExceeded, "PMML_DEPTH")
    monkeypatch.setattr(limits, "PMML_BYTES", 100)
    refused(written(tmp_path, GENUINE), LimitExceeded, "PMML_BYTES")


def test_damaged_files_never_end_in_anything_but_our_errors(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(GENUINE.encode())
        for place in rng.integers(0, len(damaged), 2).tolist():
            damaged[place] = int(rng.integers(0, 256))
        with contextlib.suppress(HoldfastError):
            describe_export(written(tmp_path, bytes(damaged)))


def test_describing_needs_no_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, GENUINE)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert describe_export(path).target == "pmml"
    assert holdfast.errors.EnvironmentMissing.exit_code == 5
