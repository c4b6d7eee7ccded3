"""Write docs/estimators.md: every scikit-learn estimator, tried, and what cannot be saved, with reasons.

Run: python tools/estimators.py
"""

from __future__ import annotations

import copy
import sys
import warnings
from pathlib import Path

import holdfast
from holdfast.testing.zoo import answers, equal, specimens

OUT = Path(__file__).parent.parent / "docs" / "estimators.md"

HEAD = """# scikit-learn estimators

Made by `tools/estimators.py` with scikit-learn {version}. Every class of `all_estimators()` was fitted, saved, loaded with nothing trusted,
asked again with every method it has, and compared bit by bit; then saved again and compared byte by byte.
`tests/frameworks/test_estimators.py` does the same in every test run, and in thousands of other settings in the long run.

{same} of {count} estimators answer the same to the last bit, and give the same bytes when saved again.

## What cannot be saved, and why

- An estimator that holds a **lambda, a closure or a local function** (`FunctionTransformer(lambda x: x)`, a tokenizer, a kernel): it has no name
  under which it could be found again. Define it at the top level of a module; then it loads with `trusted_functions=[its name]`.
- An estimator that holds an **open file, a lock, a generator, a bound method** or another C object without an adapter; refused at save, with its path.
- A **user's own class with pickle hooks** (`__getstate__`, `__reduce__`): register it, see [extend/framework.md](extend/framework.md).
- A **`memory=` cache** of a pipeline given as a joblib `Memory` object; as a folder name it is kept as text.

| estimator | methods compared | bytes |
| --- | --- | --- |
"""


def main() -> int:
    warnings.simplefilter("ignore")
    import sklearn

    rows, same, count = [], 0, 0
    for one in specimens():
        count += 1
        name = one.name.replace("sklearn.", "", 1)
        try:
            blob = holdfast.dumps(one.model)
            back = holdfast.loads(blob)
            stable = holdfast.dumps(back) == blob
            inputs = copy.deepcopy(one.X)
            before, after = answers(one.model, inputs), answers(back, inputs)
            good = equal(before, after) and stable
            methods = ", ".join(key for key, value in before.items() if not isinstance(value, str))
            rows.append(f"| `{name}` | {methods if good else '**differs**'} | {len(blob)} |")
            same += good
        except holdfast.HoldfastError as error:
            rows.append(f"| `{name}` | **{type(error).__name__}: {str(error)[:120]}** | |")
    OUT.write_text(HEAD.format(version=sklearn.__version__, same=same, count=count) + "\n".join(sorted(rows)) + "\n")
    print(f"{same} of {count}")
    return 0 if same == count else 1


if __name__ == "__main__":
    sys.exit(main())
