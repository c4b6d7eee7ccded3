"""Models of several libraries in one file, saved here and asked in a fresh process.

The one rule: the fresh process knows the file and the rows, and nothing else.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import holdfast

pytestmark = pytest.mark.filterwarnings("ignore")

ASK = """
import sys, os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np, holdfast
model = holdfast.load(sys.argv[1])
rows = np.load(sys.argv[2])
np.save(sys.argv[3], model.predict_proba(rows))
assert holdfast.verify(sys.argv[1]).verdict == "bit-equal"
"""


def in_a_fresh_process(path: Path, rows: Any, tmp_path: Path) -> Any:
    np.save(tmp_path / "rows.npy", rows)
    subprocess.run([sys.executable, "-c", ASK, str(path), str(tmp_path / "rows.npy"), str(tmp_path / "out.npy")], check=True, timeout=300)
    return np.load(tmp_path / "out.npy")


def data() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(150, 6))
    return rows, (rows[:, 0] + rows[:, 1] ** 2 + rng.normal(size=150) / 2 > 1).astype(int)


def test_a_pipeline_of_three_libraries_is_one_file(tmp_path: Path) -> None:
    from lightgbm import LGBMClassifier
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import StackingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PowerTransformer, StandardScaler
    from xgboost import XGBClassifier

    rows, y = data()
    prepared = ColumnTransformer([("scale", StandardScaler(), [0, 1, 2]), ("power", PowerTransformer(), [3, 4, 5])])
    boosters = [("xgb", XGBClassifier(n_estimators=8, n_jobs=1)), ("lgbm", LGBMClassifier(n_estimators=8, n_jobs=1, verbose=-1))]
    model = make_pipeline(prepared, StackingClassifier(boosters, LogisticRegression(), cv=2)).fit(rows, y)
    path = tmp_path / "three.safetensors"
    assert holdfast.save(model, path, example=rows[:9]).proof.verdict == "bit-equal"
    assert in_a_fresh_process(path, rows, tmp_path).tobytes() == model.predict_proba(rows).tobytes()
    assert {"scikit-learn", "xgboost", "lightgbm"} <= set(holdfast.inspect(path).libraries)


def test_a_pipeline_with_catboost_and_a_net_inside_is_one_file(tmp_path: Path) -> None:
    import torch
    from catboost import CatBoostClassifier
    from sklearn.ensemble import VotingClassifier
    from sklearn.linear_model import LogisticRegression

    rows, y = data()
    cat = CatBoostClassifier(iterations=5, verbose=0, allow_writing_files=False, thread_count=1)
    model = VotingClassifier([("cat", cat), ("linear", LogisticRegression())], voting="soft").fit(rows, y)
    torch.manual_seed(0)
    whole = {"votes": model, "net": torch.nn.Linear(6, 2), "threshold": 0.3}
    path = tmp_path / "both.safetensors"
    holdfast.save(whole, path)
    back = holdfast.load(path)
    assert back["votes"].predict_proba(rows).tobytes() == model.predict_proba(rows).tobytes()
    with torch.no_grad():
        assert torch.equal(back["net"](torch.ones(1, 6)), whole["net"](torch.ones(1, 6)))
    alone = holdfast.load(path, part="votes.estimators_.0")
    assert alone.predict(rows).tobytes() == model.estimators_[0].predict(rows).tobytes()


def test_a_keras_head_on_a_scaler_and_a_booster_is_one_file(tmp_path: Path) -> None:
    import keras
    from sklearn.preprocessing import StandardScaler
    from xgboost import XGBRegressor

    rows, y = data()
    scaler = StandardScaler().fit(rows)
    booster = XGBRegressor(n_estimators=4, n_jobs=1).fit(scaler.transform(rows), y)
    keras.utils.set_random_seed(0)
    head = keras.Sequential([keras.Input((1,)), keras.layers.Dense(4, activation="relu"), keras.layers.Dense(2, activation="softmax")])
    whole = [("scale", scaler), ("trees", booster), ("head", head)]

    def answer(parts: Any) -> Any:
        steps = dict(parts)
        return steps["head"].predict(steps["trees"].predict(steps["scale"].transform(rows))[:, None], verbose=0)

    path = tmp_path / "head.safetensors"
    holdfast.save(whole, path)
    assert answer(holdfast.load(path)).tobytes() == answer(whole).tobytes()
    scaled = holdfast.load(path, part="scale")
    assert scaled.transform(rows).tobytes() == scaler.transform(rows).tobytes()


# -- training that goes on ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", ["xgboost", "lightgbm", "catboost", "sklearn"])
def test_a_loaded_model_trains_on_as_the_original(library: str) -> None:
    rows, y = data()

    def more(model: Any) -> Any:
        if library == "xgboost":
            import xgboost

            booster = xgboost.train({"max_depth": 3, "nthread": 1, "objective": "binary:logistic"}, xgboost.DMatrix(rows, y), 3, xgb_model=model.get_booster())
            return booster.predict(xgboost.DMatrix(rows))
        if library == "lightgbm":
            import lightgbm

            fresh = lightgbm.LGBMClassifier(n_estimators=3, n_jobs=1, verbose=-1, deterministic=True, force_row_wise=True)
            return fresh.fit(rows, y, init_model=model).predict_proba(rows)
        if library == "catboost":
            import catboost

            fresh = catboost.CatBoostClassifier(iterations=3, verbose=0, allow_writing_files=False, thread_count=1, random_seed=0)
            return fresh.fit(rows, y, init_model=model).predict_proba(rows)
        return model.partial_fit(rows, y).predict_proba(rows)

    if library == "xgboost":
        import xgboost

        model: Any = xgboost.XGBClassifier(n_estimators=4, n_jobs=1).fit(rows, y)
    elif library == "lightgbm":
        import lightgbm

        model = lightgbm.LGBMClassifier(n_estimators=4, n_jobs=1, verbose=-1).fit(rows, y)
    elif library == "catboost":
        import catboost

        model = catboost.CatBoostClassifier(iterations=4, verbose=0, allow_writing_files=False, thread_count=1, random_seed=0).fit(rows, y)
        more(model)  # CatBoost itself goes on differently from a model the first time than every other time
    else:
        from sklearn.linear_model import SGDClassifier

        model = SGDClassifier(loss="log_loss", random_state=0).fit(rows, y)
    back = holdfast.loads(holdfast.dumps(model), copy=True)
    assert more(back).tobytes() == more(model).tobytes()


def test_a_new_head_on_a_stored_body_trains_with_the_body_frozen_and_names_its_parent(tmp_path: Path) -> None:
    import torch

    torch.manual_seed(0)
    first = torch.nn.Sequential(torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU()), torch.nn.Linear(8, 2))
    saved = holdfast.save(first, tmp_path / "first.safetensors")
    body = holdfast.load(tmp_path / "first.safetensors", part="0")
    body.requires_grad_(False)
    tuned = torch.nn.Sequential(body, torch.nn.Linear(8, 1))
    before = body[0].weight.clone()
    optimizer = torch.optim.SGD([one for one in tuned.parameters() if one.requires_grad], lr=0.1)
    rows, _ = data()
    for _ in range(3):
        optimizer.zero_grad()
        tuned(torch.from_numpy(rows).float()).pow(2).mean().backward()
        optimizer.step()
    assert torch.equal(body[0].weight, before)
    holdfast.save(tuned, tmp_path / "tuned.safetensors", parent=tmp_path / "first.safetensors")
    assert holdfast.inspect(tmp_path / "tuned.safetensors").extra["parent"] == saved.id
    back = holdfast.load(tmp_path / "tuned.safetensors")
    assert [one.requires_grad for one in back.parameters()] == [False, False, True, True]
