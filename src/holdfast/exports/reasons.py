"""What it means for a user that a translator stopped: the step, and what can be done, in place of an exception from its inside.

The one rule: nothing but an error of holdfast leaves an export; what a translator says is kept only where it is a sentence about the model.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

from holdfast.artifact.atomic import translate
from holdfast.errors import HoldfastError, UnsupportedOperation, quoted
from holdfast.exports.families import parts

UNKNOWN_STEP = re.compile(r"Unable to find (?:a |any )?(?:shape calculator|converter|parser)|no corresponding converter|Unable to convert model|<class '[\w.]+'>$")
"""What skl2onnx says of a class that it does not know."""
NAMED = re.compile(r"<class '([\w.]+)'>")
INSIDE = re.compile(r"<class |skl2onnx|onnxmltools|operator|Operator|variable|__")
"""What stands in a text about the translator and not about the model."""
ABOUT_ITSELF = re.compile(r"\s*(?:You may (?:raise|need)|Please (?:raise|open)|https?:).*")
SENTENCES = (NotImplementedError, RuntimeError, ValueError)
"""Exceptions whose text is about the model; that of others (a lacking attribute, a wrong index) is about the translator."""

ADVICE = {
    "FunctionTransformer": "write the formula with holdfast.expression instead",
    "CatBoost": "export the CatBoost model by itself",
    "TunedThresholdClassifierCV": "export its estimator_, and apply its best_threshold_ to the probabilities",
    "FixedThresholdClassifier": "export its estimator_, and apply the threshold to the probabilities",
    "TransformedTargetRegressor": "export its regressor_, and transform the answers back where they are used",
}
"""Start of a class's name -> what to do where it has no translation."""


@contextlib.contextmanager
def typed(model: Any, target: str, path: str) -> Iterator[None]:
    """Let nothing out but errors of holdfast.

    Args:
        model: what is translated.
        target: name of the target.
        path: the file that is asked for.

    Raises:
        UnsupportedOperation: a translator or a runtime stopped; names the step.
        Unavailable, NoSpace, NotFound: the system refuses to write.
    """
    try:
        yield
    except (HoldfastError, MemoryError):
        raise
    except OSError as error:
        if error.errno is not None:
            raise translate(error, path, "cannot be written") from None
        raise told(error, model, target) from error
    except Exception as error:
        raise told(error, model, target) from error


def told(error: Exception, model: Any, target: str) -> UnsupportedOperation:
    """Return the refusal for what a translator raised.

    Args:
        error: what it raised.
        model: what was translated.
        target: name of the target.
    """
    said = " ".join(str(error).split())
    name = _named(error, said, model)
    own = type(model).__name__
    what = f"the step {name} of this {own}" if name and name != own else f"this {own}"
    if UNKNOWN_STEP.search(said):
        return UnsupportedOperation(f"{target.upper()} has no translation of {what}; {advice(name or own, own)}")
    sentence = ABOUT_ITSELF.sub("", said).rstrip(". ")
    reason = f" ({quoted(sentence, 300)})" if isinstance(error, SENTENCES) and sentence and not INSIDE.search(sentence) else ""
    return UnsupportedOperation(f"{target.upper()} cannot express {what} with its settings{reason}; {advice(name or own, own)}")


def advice(name: str, whole: str) -> str:
    """Return what to do about a step that has no translation.

    Args:
        name: class of the step.
        whole: class of the model.
    """
    known = next((text for start, text in ADVICE.items() if name.startswith(start)), None)
    if known is not None:
        return known
    return "keep the model as .safetensors" if name == whole else "put another step in its place, or export the models inside by themselves"


def _named(error: BaseException, said: str, model: Any) -> str:
    """Return the class of the step that a translator was at."""
    found = [one for one in NAMED.findall(said) if not one.startswith(("skl2onnx.", "onnx"))]
    if found:
        return str(found[-1].rpartition(".")[2])
    trace, last = error.__traceback__, ""
    while trace is not None:
        for value in (trace.tb_frame.f_locals.get("operator"), trace.tb_frame.f_locals.get("op")):
            if hasattr(value, "raw_operator"):
                last = type(value.raw_operator).__name__
        trace = trace.tb_next
    if last:
        return last
    inside = [type(one).__name__ for one in parts(model) if type(one).__name__ in said]
    return inside[-1] if inside else ""
