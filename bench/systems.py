"""The systems that save and load: one table, a line each.

The one rule: like with like. A peer that is compared with a durable save is followed by an fsync of its file and its folder;
every other save and every load is the call as its users write it.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from typing import Any, NamedTuple

Save = Callable[[Any, str, bool], None]


class System(NamedTuple):
    """One way to keep a model.

    Attributes:
        name: the column.
        save: model, path, durable -> nothing; None when it reads another's files.
        load: path -> model; None when it only writes.
        file_of: whose files it reads, when not its own.
        prepare: called once with a saved file, outside the timing.
        only: the workloads it takes part in; None for all.
        peer: whether tables compare holdfast with it.
    """

    name: str
    save: Save | None
    load: Callable[[str], Any] | None
    file_of: str | None = None
    prepare: Callable[[str], None] | None = None
    only: frozenset[str] | None = None
    peer: bool = True


def flush(path: str, folder: bool = True) -> None:
    """Flush a file and the folder it is in: what `durable` means to holdfast."""
    for place in [path, os.path.dirname(path)] if folder else [path]:
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _then_flush(save: Callable[[Any, str], None]) -> Save:
    def saved(model: Any, path: str, durable: bool) -> None:
        save(model, path)
        if durable:
            flush(path)

    return saved


def _holdfast_save(model: Any, path: str, durable: bool) -> None:
    import holdfast

    holdfast.save(model, path, durable=durable)


def _holdfast_load(path: str) -> Any:
    import holdfast

    return holdfast.load(path)


def _pickle_save(model: Any, path: str) -> None:
    with open(path, "wb") as file:
        pickle.dump(model, file, protocol=5)


def _pickle_load(path: str) -> Any:
    with open(path, "rb") as file:
        return pickle.load(file)


def _joblib_save(model: Any, path: str) -> None:
    import joblib

    joblib.dump(model, path)


def _joblib_load(path: str) -> Any:
    import joblib

    return joblib.load(path)


def _joblib_mapped(path: str) -> Any:
    import joblib

    return joblib.load(path, mmap_mode="r")


_trusted: list[str] = []
"""What skops is told to trust: its users write that list down once, so making it is not timed."""


def _skops_prepare(path: str) -> None:
    from skops.io import get_untrusted_types

    _trusted[:] = get_untrusted_types(file=path)


def _skops_save(model: Any, path: str) -> None:
    import skops.io

    skops.io.dump(model, path)


def _skops_load(path: str) -> Any:
    import skops.io

    return skops.io.load(path, trusted=_trusted)


def _plain_write(model: Any, path: str) -> None:
    """Write the bytes of a dict of arrays and nothing else: the floor under any save."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        for array in model.values():
            rest = memoryview(array).cast("B")
            while len(rest):
                rest = rest[os.write(descriptor, rest) :]
    finally:
        os.close(descriptor)


def _state(model: Any) -> Any:
    return model if isinstance(model, dict) else model.state_dict()


def _safetensors_save(model: Any, path: str) -> None:
    from safetensors.torch import save_file

    save_file(_state(model), path)


def _safetensors_load(path: str) -> Any:
    from safetensors.torch import load_file

    return load_file(path)


def _torch_save(model: Any, path: str) -> None:
    import torch

    torch.save(model, path)


def _torch_load(path: str) -> Any:
    import torch

    # it takes a file called .safetensors for one, whatever is in it
    return torch.load(_named(path, ".pt"), mmap=True, weights_only=False)


_SUFFIX = {"xgboost": ".ubj", "lightgbm": ".txt", "catboost": ".cbm", "keras": ".keras"}
"""What the libraries tell their own files by."""


def _named(path: str, suffix: str) -> str:
    """Return another name of a file, with the suffix that its reader goes by."""
    named = path + suffix
    if not os.path.exists(named):
        os.link(path, named)
    return named


def _library(path: str) -> str:
    return os.path.basename(path).partition("-")[0]


def _own_save(model: Any, path: str) -> None:
    library = type(model).__module__.partition(".")[0]
    named = path + _SUFFIX[library]
    if library == "keras":
        model.save(named)
    else:
        model.save_model(named)
    os.replace(named, path)


def _own_load(path: str) -> Any:
    library = _library(path)
    named = _named(path, _SUFFIX[library])
    if library == "keras":
        import keras

        return keras.saving.load_model(named)
    if library == "xgboost":
        import xgboost

        return xgboost.Booster(model_file=named)
    if library == "lightgbm":
        import lightgbm

        return lightgbm.Booster(model_file=named)
    import catboost

    return catboost.CatBoostClassifier().load_model(named)


NETS = frozenset({"resnet", "bert"})
STATES = frozenset({"resnet_state", "bert_state"})
OWN = frozenset({"xgboost", "lightgbm", "catboost", "keras"})
LIBRARIES = NETS | STATES | OWN
"""Workloads of the libraries beyond scikit-learn, which their own savers are the peers for."""

SYSTEMS: tuple[System, ...] = (
    System("holdfast", _holdfast_save, _holdfast_load, peer=False),
    System("pickle 5", _then_flush(_pickle_save), _pickle_load),
    System("joblib", _then_flush(_joblib_save), _joblib_load),
    System("joblib mmap", None, _joblib_mapped, file_of="joblib"),
    System("skops", _then_flush(_skops_save), _skops_load, prepare=_skops_prepare),
    System("safetensors", _then_flush(_safetensors_save), _safetensors_load, only=STATES, peer=False),
    System("torch mmap", _then_flush(_torch_save), _torch_load, only=NETS | STATES, peer=False),
    System("its own", _then_flush(_own_save), _own_load, only=OWN, peer=False),
    System("plain write", _then_flush(_plain_write), None, only=frozenset({"dense_1gb", "dense_100mb"}), peer=False),
)

BY_NAME = {system.name: system for system in SYSTEMS}
PEERS = tuple(system.name for system in SYSTEMS if system.peer)


def taking_part(workload: str) -> list[System]:
    """Return the systems that save or load a workload."""
    if workload in LIBRARIES:
        return [system for system in SYSTEMS if system.name in ("holdfast", "pickle 5") or (system.only and workload in system.only)]
    return [system for system in SYSTEMS if system.only is None or workload in system.only]
