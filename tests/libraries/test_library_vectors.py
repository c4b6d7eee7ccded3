"""Golden files of the other libraries are read for ever: ``tools/library_vectors.py`` writes new ones, and none that is there.

The one rule: a test that fails here has found that somebody's model can no longer be read; mend the reader.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from tools.library_vectors import CHOSEN, numbers

import holdfast
from holdfast.testing.specimen import makers

pytestmark = pytest.mark.filterwarnings("ignore")
FOLDER = Path(__file__).parent / "vectors"
FILES = {path.relative_to(FOLDER).with_suffix("").as_posix(): path for path in sorted(FOLDER.rglob("*.safetensors"))}


@pytest.mark.parametrize("name", FILES)
def test_a_golden_file_is_what_it_was_and_answers_as_it_did(name: str) -> None:
    expected = json.loads(FILES[name].with_suffix(".json").read_text())
    found = holdfast.inspect(FILES[name])
    assert (found.id, found.content) == (expected["id"], expected["content"])
    specimen = makers(expected["library"])[expected["specimen"]]()
    model = holdfast.load(FILES[name], trusted=list(specimen.trusted), digests="all")
    assert np.allclose(numbers(specimen.ask(model)), list(map(float, expected["answer"])), rtol=1e-4, atol=1e-6)


def test_every_library_has_golden_files() -> None:
    assert {name.split("/")[1].rpartition("-")[0] for name in FILES} == set(CHOSEN)
    assert len(FILES) >= sum(map(len, CHOSEN.values()))
