"""How `holdfast.expression` makes its transformer.

The one rule: what is wrong with a text is said at once, and not when rows come.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from holdfast.errors import LibraryMissing
from holdfast.formula.state import check_state


def make(expressions: Sequence[str], names: str | Iterable[str] | None, keep: bool) -> Any:
    """Return a transformer that is not fitted; see `holdfast.expression`.

    Raises:
        InvalidExpression: a text is not an expression, or the names do not fit.
        LibraryMissing: scikit-learn is not installed.
    """
    texts = tuple(expressions)
    given = (names,) if isinstance(names, str) else None if names is None else tuple(str(name) for name in names)
    check_state(texts, given, keep, None, None)
    try:
        from holdfast.formula.transformer import Expression
    except ImportError as error:
        raise LibraryMissing(f"expressions are transformers of scikit-learn ({error}); run: pip install 'holdfast[sklearn]'") from None
    return Expression(texts, names=given, keep=keep)
