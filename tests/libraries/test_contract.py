"""Every model of every library's zoo keeps the adapters' contract, and is listed in ``docs/libraries.md`` as it came out.

The one rule: a model that does not answer the same, or does not give the same digest again, is named here with the reason.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from tools.libraries import AGAIN_DIFFERENT, row_of

from holdfast.testing.contract import judge
from holdfast.testing.specimen import ZOOS, makers

pytestmark = pytest.mark.filterwarnings("ignore")
PAGE = (Path(__file__).parents[2] / "docs" / "libraries.md").read_text()
CASES = [(library, name) for library in ZOOS for name in makers(library)]


@pytest.mark.parametrize(("library", "name"), CASES, ids=[f"{library} {name}" for library, name in CASES])
def test_a_model_answers_the_same_and_gives_the_same_digest_again(library: str, name: str) -> None:
    specimen = makers(library)[name]()
    verdict = judge(specimen)
    assert verdict.same_answer, f"deviates by {verdict.deviation}"
    assert verdict.same_bytes or (library, name) in AGAIN_DIFFERENT
    assert verdict.trusted is not bool(specimen.trusted)
    row = row_of(library, name, verdict)
    assert row is None or row in PAGE, f"make libraries: docs/libraries.md does not say {row}"


@pytest.mark.parametrize("library", ZOOS)
def test_the_zoo_and_the_list_are_of_one_library(library: str) -> None:
    from holdfast.frameworks import LIBRARIES
    from holdfast.trust.catalog import LIBRARIES as LISTS

    # those of classes below known ones, or of another library's alone, need no table of adapters
    assert library in LIBRARIES or library in ("imblearn", "spacy", "transformers")
    assert library in LISTS or library == "spacy"
