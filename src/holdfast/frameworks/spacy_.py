"""spaCy: a pipeline is the files that it writes itself.

Strategy. A pipeline is full of compiled objects that only spaCy can write; so this library is the one whose bytes are opaque. They
are not looked into, and a pipeline is therefore loaded only by a caller who names its class. Its bytes go through a folder of
their own that is gone afterwards: what spaCy makes of ``from_bytes`` forgets the patterns of an entity ruler.

The one rule: a pipeline is never trusted by default.
"""

from __future__ import annotations

import importlib
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from holdfast.errors import InvalidState, VersionMismatch
from holdfast.frameworks.adapter import Adapter, Record

_NAME = re.compile(r"[A-Za-z0-9_@+=-][A-Za-z0-9_.@+=-]{0,99}(/[A-Za-z0-9_@+=-][A-Za-z0-9_.@+=-]{0,99}){0,8}")
"""Names of files that spaCy writes: no dots in front, nothing absolute."""


def _dump(pipeline: Any) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="holdfast-") as folder:
        pipeline.to_disk(folder)
        files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        return {"files": {path.relative_to(folder).as_posix(): np.frombuffer(bytearray(path.read_bytes()), np.uint8) for path in files}}


def _language(cls: type) -> Record:
    def build(fields: dict[str, Any]) -> Any:
        spacy = importlib.import_module("spacy")
        with tempfile.TemporaryDirectory(prefix="holdfast-") as folder:
            for name, content in fields["files"].items():
                if not _NAME.fullmatch(name):
                    raise InvalidState(f"a spaCy pipeline has a file called {name[:60]!r}; the file is damaged or was altered.")
                path = Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.tobytes())
            try:
                made = spacy.load(folder)
            except (ValueError, KeyError, TypeError, OSError) as error:
                raise VersionMismatch(
                    f"spaCy {spacy.__version__} cannot read the pipeline ({str(error)[:300]}); load it with the version that it was saved with"
                ) from None
        made._path = None
        return made

    return Record(_dump, build)


def predict(pipeline: Any, texts: Any) -> Any:
    """Return what a pipeline says about texts: for each its document as a dict, with tokens, entities, categories."""
    return [{**doc.to_json(), "cats": dict(doc.cats)} for doc in pipeline.pipe([texts] if isinstance(texts, str) else list(texts))]


ASKED = {"spacy.language.Language": {"predict": predict}}
"""Class -> what models below it are asked, which have no methods of their own for it."""

ADAPTERS: dict[str, Adapter] = {}
FAMILIES = {"spacy.language.Language": _language}
"""Exact name of a class -> what makes the adapter of a class below it."""
