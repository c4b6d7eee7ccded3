"""Models of the libraries beyond scikit-learn: nets of the sizes that people fine-tune, and boosters of 500 trees.

The one rule: plain layers in the real shapes, from one seed; what is measured is keeping them and not what they know.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def resnet(quick: bool) -> Any:
    """Return the layers of a ResNet-50 in a row: 53 convolutions with their norms, and a head; 25.6 million parameters, 102 MB."""
    import torch

    torch.manual_seed(0)
    nn = torch.nn
    layers: list[Any] = [nn.Conv2d(3, 64, 7, bias=False), nn.BatchNorm2d(64)]
    inside = 64
    for width, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)) if not quick else ((64, 1),):
        for block in range(blocks):
            shapes = [(inside, width, 1), (width, width, 3), (width, 4 * width, 1)]
            shapes += [(inside, 4 * width, 1)] if block == 0 else []
            for a, b, size in shapes:
                layers += [nn.Conv2d(a, b, size, bias=False), nn.BatchNorm2d(b), nn.ReLU()]
            inside = 4 * width
    return nn.Sequential(*layers, nn.Linear(inside, 1000))


def bert(quick: bool) -> Any:
    """Return a net of BERT-base's size: embeddings and 12 encoder layers of width 768; 110 million parameters, 438 MB."""
    import torch

    torch.manual_seed(0)
    nn = torch.nn
    layers, width = (1, 64) if quick else (12, 768)
    blocks = [nn.TransformerEncoderLayer(width, 4 if quick else 12, 4 * width, activation="gelu", batch_first=True) for _ in range(layers)]
    return nn.Sequential(nn.Embedding(30_522, width), nn.Embedding(512, width), nn.LayerNorm(width), *blocks, nn.Linear(width, width))


def state(make: Any) -> Any:
    """Return what builds the state dict of a net."""
    return lambda quick: dict(make(quick).state_dict())


def net_answer(model: Any) -> Any:
    """Return the first and the last tensor of a net or a state dict."""
    held = model if isinstance(model, dict) else model.state_dict()
    return {name: held[name].detach().numpy() for name in (min(held), max(held))}


def _data(quick: bool) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(1000 if quick else 20_000, 40))
    return rows, (rows[:, :5].sum(1) + rng.normal(size=len(rows)) > 0).astype(int)


def xgboost(quick: bool) -> Any:
    """Return a booster of 500 trees of depth 6."""
    from xgboost import XGBClassifier

    return XGBClassifier(n_estimators=20 if quick else 500, max_depth=6).fit(*_data(quick)).get_booster()


def lightgbm(quick: bool) -> Any:
    """Return a booster of 500 trees of 31 leaves."""
    from lightgbm import LGBMClassifier

    return LGBMClassifier(n_estimators=20 if quick else 500, verbose=-1).fit(*_data(quick)).booster_


def catboost(quick: bool) -> Any:
    """Return a classifier of 500 symmetric trees of depth 6."""
    from catboost import CatBoostClassifier

    return CatBoostClassifier(iterations=20 if quick else 500, verbose=0, allow_writing_files=False).fit(*_data(quick))


def booster_answer(model: Any) -> Any:
    """Return what a booster of any of the three predicts for 20 rows."""
    rows = np.random.default_rng(3).normal(size=(20, 40))
    if type(model).__module__.startswith("xgboost"):
        import xgboost

        return model.predict(xgboost.DMatrix(rows))
    return np.asarray(model.predict(rows))


def keras(quick: bool) -> Any:
    """Return a trained dense net of 4 million parameters with the state of Adam."""
    import keras

    keras.utils.set_random_seed(0)
    width = 64 if quick else 1024
    model = keras.Sequential([keras.Input((256,)), *(keras.layers.Dense(width, activation="relu") for _ in range(4)), keras.layers.Dense(10)])
    model.compile("adam", "mse")
    model.fit(np.zeros((8, 256)), np.zeros((8, 10)), verbose=0)
    return model


def keras_answer(model: Any) -> Any:
    """Return what a Keras model predicts for 4 rows."""
    return model.predict(np.random.default_rng(3).normal(size=(4, 256)), verbose=0)
