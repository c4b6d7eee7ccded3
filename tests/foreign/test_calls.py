"""A call in a foreign file is never made, whatever the caller trusts: trusting a class is not trusting a file to call it."""

from __future__ import annotations

import pickle

import pytest

import holdfast
from holdfast.errors import UnsupportedModel
from holdfast.frameworks.adapter import REGISTERED
from holdfast.trust.catalog import catalog
from holdfast.trust.policy import REGISTERED_CLASSES
from tests.foreign import pickles
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


def test_a_call_whose_result_is_nowhere_in_the_model_is_refused_with_what_to_do() -> None:
    with pytest.raises(holdfast.UntrustedType, match=r"would call acme\.make on the way to its values(.|\n)*holdfast convert --allow-pickle"):
        holdfast.loads(pickles.pickled(pickles.call("acme.make") + b"0K\x01"))
    with pytest.raises(holdfast.UntrustedType, match=r"would call os\.system on the way to its values") as caught:
        holdfast.loads(pickles.pickled(pickles.call("os.system", pickles.text("true")) + b"0K\x01"))
    assert "allow-pickle" not in str(caught.value)
    assert "do not unpickle it" in str(caught.value)


def test_pickles_of_classes_registered_here_are_their_attributes() -> None:
    blob = pickle.dumps([strangers.Plain()])
    try:
        holdfast.register(strangers.Plain, name="acme.Plain")
        assert type(holdfast.loads(blob)[0]) is strangers.Plain
        holdfast.register(strangers.Plain, dump=vars, build=lambda fields: strangers.Plain())
        with pytest.raises(UnsupportedModel, match="registered with dump= and build="):
            holdfast.loads(blob)
    finally:
        REGISTERED.pop(strangers.Plain, None)
        for name in ("acme.Plain", "tests.hostile.strangers.Plain"):
            REGISTERED_CLASSES.pop(name, None)
            catalog().types.pop(name, None)
