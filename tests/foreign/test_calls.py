"""A call in a foreign file is never made, whatever the caller trusts: trusting a class is not trusting a file to call it."""

from __future__ import annotations

import pickle

import pytest

import holdfast
from tests.hostile import strangers


def test_a_call_of_a_class_that_the_caller_trusts_is_refused_too() -> None:
    blob = pickle.dumps(strangers.Reduced())
    strangers.CALLED.clear()
    with pytest.raises(holdfast.UntrustedType, match="calls nothing that a file names"):
        holdfast.loads(blob, trusted=[strangers.Plain])
    with pytest.raises(holdfast.UntrustedType, match="allow-pickle"):
        holdfast.loads(blob, trusted=["tests.hostile.strangers.Plain"])
    assert strangers.CALLED == []


def test_an_object_of_a_class_that_the_caller_trusts_is_its_attributes() -> None:
    plain = strangers.Plain()
    plain.rate = 0.5  # type: ignore[attr-defined]
    strangers.CALLED.clear()
    assert holdfast.loads(pickle.dumps(plain), trusted=[strangers.Plain]).rate == 0.5
    assert strangers.CALLED == []
