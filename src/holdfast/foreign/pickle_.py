"""pickle, joblib, cloudpickle and dill: one stream of opcodes, with arrays of joblib's between them.

joblib writes an array after the opcode that gives its description a state: a byte that counts padding, the padding, and the
array's bytes. Before 0.10 it wrote each array into a file of its own beside the pickle. Sources: joblib's
``numpy_pickle.py`` and ``numpy_pickle_compat.py``, numpy's ``lib/_format_impl.py``.

The one rule: the stream ends where its end mark is, and nothing follows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from holdfast.errors import FormatError
from holdfast.foreign.made import Made
from holdfast.foreign.npz_ import read_npy
from holdfast.foreign.opcodes import Machine
from holdfast.foreign.reading import Given, Reading
from holdfast.foreign.rules_numpy import array_over, as_class, dtype_of, lengths_of, make_array
from holdfast.foreign.unpacked import decompressed, z_file
from holdfast.values.outline import Named

_JOBLIB = ("joblib", "sklearn.externals.joblib")


def read(given: Given) -> Reading:
    """Return what a pickle or a joblib file holds.

    Raises:
        FormatError: it is damaged, or does what no pickler writes.
    """
    data, how = decompressed(given.data)
    machine = Machine(data, 0, given.names)
    arrays = install(machine, given)
    root = machine.run()
    if machine.pos != machine.size:
        raise FormatError(f"{machine.size - machine.pos} bytes follow the end of the pickle: a second one, or something hidden; load and save the parts by themselves")
    names = machine.names
    kind = "joblib" if arrays or how else "dill" if any(name.startswith("dill.") for name in names.found) else "pickle"
    kind = "cloudpickle" if any(name.startswith("cloudpickle.") for name in names.found) else kind
    return Reading(f"{kind}{f' ({how})' if how else ''}, protocol {machine.protocol}", root, {}, len(data))


def install(machine: Machine, given: Given) -> list[str]:
    """Teach a machine joblib's arrays; the list it returns tells which kinds it met."""
    met: list[str] = []

    def noted(read_one: Callable[[Machine, Made, Given], Any]) -> Callable[[Machine, Made], None]:
        def after(m: Machine, made: Made) -> None:
            met.append(made.name)
            try:
                m.stack[-1] = read_one(m, made, given)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                if isinstance(error, FormatError):
                    raise
                raise FormatError(f"the description of an array before byte {m.pos} is none ({error}); the file is damaged or was altered.") from None

        return after

    for package in _JOBLIB:
        machine.after_build[f"{package}.numpy_pickle.NumpyArrayWrapper"] = noted(_inline)
        for module in ("numpy_pickle", "numpy_pickle_compat"):
            machine.after_build[f"{package}.{module}.NDArrayWrapper"] = noted(_beside)
            machine.after_build[f"{package}.{module}.ZNDArrayWrapper"] = noted(_beside_compressed)
    return met


def _inline(m: Machine, made: Made, _: Given) -> Any:
    told = made.fields()
    cls, dtype, shape, order = told["subclass"], dtype_of(told["dtype"]), told["shape"], told["order"]
    if dtype.hasobject:
        inner = Machine(m.data, m.pos, m.names, inner=True)
        array = inner.run()
        m.pos = inner.pos
        return array if type(array) is Made else as_class(cls, array)
    if told.get("numpy_array_alignment_bytes") is not None:
        m.take(m.take(1)[0])
    lengths = lengths_of(shape)
    raw = m.take(math.prod(lengths) * dtype.itemsize)
    return as_class(cls, array_over(raw, dtype, lengths, order == "F"))


def _beside(m: Machine, made: Made, given: Given) -> Any:
    told = made.fields()
    return as_class(told["subclass"], read_npy(_neighbour(given, told["filename"])))


def _beside_compressed(m: Machine, made: Made, given: Given) -> Any:
    told = made.fields()
    cls, *_ = told["init_args"]
    shape, dtype, fortran = told["state"][-3:]
    array = make_array(dtype, shape, z_file(_neighbour(given, told["filename"])), bool(fortran))
    return as_class(cls if type(cls) is Named else None, array)


def _neighbour(given: Given, name: Any) -> memoryview:
    if given.neighbour is None or type(name) is not str:
        raise FormatError("the pickle keeps its arrays in other files beside it; load it from its own folder, by its path")
    return given.neighbour(name)
