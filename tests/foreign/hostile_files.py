"""Files that would run something in the hands of the library that reads them: every public way to do that."""

from __future__ import annotations

import base64
import json
import os
import pickle
import struct
import tempfile
import zipfile
import zlib

from tests.foreign.pickles import call, content, dtype, get, name, npy, npy_header, old_torch, pickled, put, storage, text, zipped

MARKER = os.path.join(tempfile.gettempdir(), f"holdfast-foreign-marker-{os.getuid()}")
COMMAND = text(f"touch {MARKER}")
CODE = text(f"open({MARKER!r}, 'w').close()")

CALLED = (
    "os.system", "posix.system", "nt.system", "os.popen", "os.execl", "os.remove", "os.putenv", "subprocess.Popen", "subprocess.call", "subprocess.check_output", "subprocess.getoutput", "subprocess.run", "builtins.eval",
    "builtins.exec", "builtins.compile", "builtins.open", "builtins.getattr", "builtins.setattr", "builtins.__import__", "builtins.breakpoint", "builtins.globals", "builtins.map", "builtins.type", "builtins.vars", "builtins.print",
    "importlib.import_module", "importlib._bootstrap._load", "pkgutil.resolve_name", "runpy.run_path", "runpy._run_code", "operator.methodcaller", "operator.attrgetter", "operator.itemgetter", "functools.reduce",
    "pickle.loads", "_pickle.loads", "pickle._loads", "pickle.Unpickler", "marshal.loads", "types.FunctionType", "types.CodeType", "code.InteractiveInterpreter", "code.interact", "codeop.compile_command", "ctypes.CDLL",
    "socket.create_connection", "urllib.request.urlopen", "webbrowser.open", "shutil.rmtree", "shutil.copyfile", "pty.spawn", "timeit.timeit", "timeit.main", "cProfile.run", "cProfile.runctx", "profile.run", "pdb.run", "bdb.Bdb.run",
    "trace.Trace.run", "doctest.debug_script", "asyncio.run", "sys.exit", "sys.setprofile", "imp.load_source", "idlelib.run.main", "pip.main", "pip._internal.main", "venv.create", "ensurepip.bootstrap", "distutils.spawn.spawn",
    "multiprocessing.util.spawnv_passfds", "multiprocessing.popen_fork.Popen", "numpy.load", "numpy.f2py.compile", "numpy.testing._private.utils.runstring", "numpy.distutils.exec_command.exec_command", "joblib.load", "pandas.read_pickle",
    "pandas.core.computation.eval.eval", "torch.load", "torch.hub.load", "torch.utils._config_module.load_config", "torch.jit.unsupported_tensor_ops.execWrapper", "torch._inductor.codecache.compile_file", "dill.loads", "dill._dill._create_code",
    "cloudpickle.loads", "cloudpickle.cloudpickle._builtin_type", "cloudpickle.cloudpickle._make_function", "yaml.unsafe_load", "logging.config.listen", "logging.config._resolve", "sklearn.utils._testing._create_memmap_backed_data",
    "skops.io.load", "gzip.open", "zipfile.ZipFile.extractall", "sqlite3.connect", "xmlrpc.client.ServerProxy", "smtplib.SMTP", "ftplib.FTP", "platform.popen", "site.addsitedir", "test.support.script_helper.assert_python_ok", "antigravity.geohash",
    "copyreg._reconstruct_all", "copyreg.add_extension", "__main__.main", "acme.models.Model",
)  # fmt: skip
"""Names that a hostile file calls."""
ONLY_UNKNOWN = frozenset(
    name
    for name in CALLED
    if name.partition(".")[0] in ("numpy", "joblib", "pandas", "torch", "yaml", "logging", "sklearn", "skops", "gzip", "zipfile", "smtplib", "antigravity", "copyreg", "__main__", "acme", "functools", "test", "idlelib")
)
"""Those of which the verdict may only say that they are unknown: libraries that models are made with."""

HARMLESS = ("dtype with metadata.pkl",)
"""Files that name something dangerous, and whose model does not hold it: they load as that model, and a look at them says what they name."""

NESTED = pickled(call("os.system", COMMAND))
WRAPPER = "joblib.numpy_pickle.NumpyArrayWrapper"


def wrapper(subclass: bytes, kind: bytes, shape: bytes = b"K\x01\x85") -> bytes:
    return name(WRAPPER) + b")\x81}(" + text("subclass") + subclass + text("dtype") + kind + text("shape") + shape + text("order") + text("C") + b"ub"


def node(loader: str, cls: str, module: str, **more: object) -> dict[str, object]:
    return {"__class__": cls, "__module__": module, "__loader__": loader, **more}


def skops(root: dict[str, object]) -> bytes:
    return zipped({"schema.json": json.dumps({**root, "protocol": 2, "_skops_version": "0.16"})})


PICKLES: dict[str, bytes] = {
    "global and reduce": b"cos\nsystem\n(" + COMMAND + b"tR", "inst": b"(" + COMMAND + b"ios\nsystem\n", "obj": b"(cos\nsystem\n" + COMMAND + b"o", "newobj": name("subprocess.Popen") + COMMAND + b"\x85\x81",
    "newobj_ex": name("subprocess.Popen") + b"(" + COMMAND + b"t}" + text("shell") + b"\x88s\x92", "ext1": b"\x82\x01", "ext2": b"\x83\x01\x00", "ext4": b"\x84\x01\x00\x00\x00", "persid": b"Pos.system\n", "binpersid": COMMAND + b"Q",
    "old names": b"c__builtin__\neval\n(" + CODE + b"tR", "copy_reg": b"ccopy_reg\n_reconstructor\n(cos\nsystem\nc__builtin__\nobject\nNtR", "commands": b"ccommands\ngetoutput\n(" + COMMAND + b"tR",
    "build on a class": name("sklearn.linear_model._base.LinearRegression") + b"}" + text("predict") + name("os.system") + b"sb", "build on a name": name("os") + b"}" + text("system") + b"Nsb" if False else name("os.path") + b"}" + text("x") + b"Nsb",
    "build with a function": name("sklearn.linear_model._base.LinearRegression") + b")\x81}" + text("__setstate__") + name("builtins.exec") + b"sb" + CODE + b"b",
    "build a reduce": name("sklearn.linear_model._base.LinearRegression") + b")\x81}" + text("__reduce__") + name("os.system") + b"sb", "a class as a class": name("sklearn.linear_model._base.LinearRegression") + b")\x81}" + text("__class__") + name("os.system") + b"sb",
    "getattr chain": call("builtins.getattr", call("builtins.__import__", text("os")), text("system")) + COMMAND + b"\x85R", "dotted name": text("sklearn") + text("utils.os.system") + b"\x93" + COMMAND + b"\x85R", "name of one part": text("") + text("eval") + b"\x93" + CODE + b"\x85R",
    "caller": call("operator.methodcaller", text("system"), COMMAND) + call("importlib.import_module", text("os")) + b"\x85R", "resolve": call("pkgutil.resolve_name", text("os:system")) + COMMAND + b"\x85R",
    "a result is called": call("builtins.getattr", name("os"[:2] + ".path"), text("join")) + COMMAND + b"\x85R", "partial": name("functools.partial") + name("os.system") + b"\x85R(" + name("os.system") + COMMAND + b"\x85}Ntb",
    "defaultdict factory": name("collections.defaultdict") + name("os.system") + b"\x85R", "map": call("builtins.list", call("builtins.map", name("os.system"), b"]" + COMMAND + b"a")), "nested bytes": call("pickle.loads", content(NESTED)),
    "nested base64": call("pickle.loads", call("base64.b64decode", text(base64.b64encode(NESTED).decode()))), "nested zlib": call("pickle.loads", call("zlib.decompress", content(zlib.compress(NESTED)))), "nested codecs": call("pickle.loads", call("_codecs.decode", content(NESTED), text("hex"))),
    "codec": call("_codecs.encode", text("a"), text("rot13")), "second pickle": b"N." + NESTED[:-1], "popped": call("os.system", COMMAND) + b"0N", "popped by a mark": b"(" + call("os.system", COMMAND) + b"1N", "in the memo only": call("os.system", COMMAND) + put(5) + b"N",
    "as a key": b"}" + call("os.system", COMMAND) + b"Ns", "in a set": b"\x8f(" + call("os.system", COMMAND) + b"\x90", "memo before put": get(7), "memo overwritten": name("collections.OrderedDict") + put(1) + name("os.system") + put(1) + get(1) + COMMAND + b"\x85R",
    "dup": name("os.system") + b"2" + COMMAND + b"\x85R0", "a method": name("numpy.ndarray.tofile"), "a ufunc of another module": call("numpy._core._ufunc_reconstruct", text("os"), text("system")), "reconstruct of a class": name("numpy._core.multiarray._reconstruct") + name("os.system") + b"K\0\x85C\1b\x87R",
    "object array": name("numpy._core.multiarray._reconstruct") + name("numpy.ndarray") + b"K\0\x85C\1b\x87R(K\x01K\x01\x85" + dtype("O") + b"\x89]" + call("os.system", COMMAND) + b"atb", "dtype of code": dtype("__import__('os')"), "dtype with metadata": dtype("V8") + b"(K\x04" + text("|") + b"NNNK\x08K\x01K\x10}" + text("a") + name("os.system") + b"stb",
    "joblib subclass": wrapper(name("os.system"), dtype()) + b"\x00" * 8, "joblib dtype": wrapper(name("numpy.ndarray"), name("os.system")) + b"\x00" * 8, "joblib objects": wrapper(name("numpy.ndarray"), dtype("O")) + NESTED[:-1], "joblib beside": name("joblib.numpy_pickle_compat.NDArrayWrapper") + b")\x81}(" + text("filename") + text("/etc/passwd") + text("subclass") + name("numpy.ndarray") + b"ub",
    "torch in bytes": call("torch.storage._load_from_bytes", content(old_torch(call("os.system", COMMAND)))), "torch in torch": call("torch.storage._load_from_bytes", content(old_torch(call("torch.storage._load_from_bytes", content(old_torch(call("os.system", COMMAND))))))),
    "torch by type": call("torch._tensor._rebuild_from_type_v2", name("os.system"), name("torch.Tensor"), COMMAND + b"\x85", b"N"), "torch hooks": name("torch.nn.modules.linear.Linear") + b")\x81}(" + text("_parameters") + b"}" + text("_modules") + b"}" + text("_forward_hooks") + b"}K\x01" + name("os.system") + b"sub",
    "torch wrapper": call("torch._utils._rebuild_wrapper_subclass", name("os.system"), b"N"), "torch device": call("torch.device", call("os.system", COMMAND)), "a lambda of cloudpickle": call("cloudpickle.cloudpickle._make_function", call("cloudpickle.cloudpickle._builtin_type", text("CodeType")), b"}"),
    "dill": call("dill._dill._create_function", call("dill._dill._create_code", content(b"x")), b"}"), "a loss of another class": call("sklearn._loss._loss.__pyx_unpickle_CyHalfSquaredError", name("os.system"), b"K\x01", b"N"), "a tree of another class": call("sklearn.neighbors._kd_tree.newObj", name("os.system")),
    "an estimator of its own": name("acme.Model") + b")\x81}" + text("a") + b"K\x01sb", "main": name("__main__.Model") + b")\x81}" + text("a") + b"K\x01sb", "odd letters": name("оs.system") + COMMAND + b"\x85R", "control letters": name("os.system\x1b[2J\u202e") + COMMAND + b"\x85R", "a name of dots": text("...") + text("...") + b"\x93",
    "a surrogate": text("\ud800") + text("x") + b"\x93", "not utf-8": b"c\xff\xfe\nx\n", "buffers": b"\x97", "read only buffers": b"N\x98", "protocol 6": b"\x80\x06N", "protocol 255": b"\x80\xffN",
}  # fmt: skip


def files() -> dict[str, bytes]:
    """Return hostile files that are no archives."""
    made = {f"{one}.pkl": pickled(name(one) + b"(" + (CODE if one.startswith("builtins") else COMMAND) + b"tR") for one in CALLED}
    made |= {f"{one}.pkl": pickled(body) for one, body in PICKLES.items()}
    made |= {f"{one} of protocol {protocol}.pkl": pickle.dumps(_Runs(), protocol) for protocol in range(6) for one in ("system",)}
    return made | {
        "code.npy": npy("__import__('os').system('true')"), "call.npy": npy("exec('1')"), "lambda.npy": npy("(lambda: 1)()"), "comprehension.npy": npy("[__import__('os') for _ in (1,)]"), "format.npy": npy("f'{open}'"),
        "objects.npy": npy("'|O'", "(1,)", NESTED), "objects2.npy": npy("'|O'", "(1,)", pickled(name("numpy._core.multiarray._reconstruct") + name("numpy.ndarray") + b"K\0\x85C\1b\x87R(K\x01K\x01\x85" + dtype("O") + b"\x89]" + call("os.system", COMMAND) + b"atb")),
        "header.npy": npy_header(b"__import__('os').system('true')"), "old.pt": old_torch(call("os.system", COMMAND)), "old system.pt": old_torch(b"N", system=call("os.system", COMMAND)), "old keys.pt": old_torch(b"N", keys=call("os.system", COMMAND)),
        "packed.pkl": zlib.compress(NESTED), "script.skops": b"#!/bin/sh\ntouch /tmp/x\n", "page.pkl": b"<html><script>1</script>", "program.pkl": b"\x7fELF" + bytes(100),
    }  # fmt: skip


class _Runs:
    def __reduce__(self) -> object:
        return os.system, (f"touch {MARKER}",)


GOOD = {"schema.json": json.dumps({"__class__": "list", "__module__": "builtins", "__loader__": "ListNode", "content": [], "protocol": 2, "_skops_version": "0.16"})}


def _entry(member: str, data: bytes = b"x", mode: int = 0o100600, system: int = 3) -> bytes:
    import io

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("schema.json", GOOD["schema.json"])
        info = zipfile.ZipInfo("placeholder")
        info.filename = member
        info.external_attr, info.create_system = mode << 16, system
        archive.writestr(info, data)
    return out.getvalue()


def archives() -> dict[str, bytes]:
    """Return hostile archives: those that name code, and those about which two readers may disagree."""
    good = zipped(GOOD)
    directory = good.rindex(b"PK\x01\x02")
    end = good.rindex(b"PK\x05\x06")

    def patched(at: int, new: bytes) -> bytes:
        return good[:at] + new + good[at + len(new) :]

    import io
    import warnings

    twice = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(twice, "w") as archive:
        warnings.simplefilter("ignore")
        for _ in range(2):
            archive.writestr("schema.json", GOOD["schema.json"])
    numbers = node("ListNode", "list", "builtins", content=[])
    return {
        **{f"skops {loader}.skops": skops(node(loader, "system", "os", content={"func": "os.system", "obj": numbers, "attrs": numbers}, args=numbers, kwargs=numbers)) for loader in (
            "MethodNode", "OperatorFuncNode", "QuantileForestNode", "Nope", "object", "__class__", "GetItem", "CachedNode", "ModuleNode")},
        "skops object.skops": skops(node("ObjectNode", "system", "os", content=None)), "skops function.skops": skops(node("FunctionNode", "system", "os", content=None)), "skops type.skops": skops(node("TypeNode", "eval", "builtins")),
        "skops reduce.skops": skops(node("ConstructorFromReduceNode", "system", "os", content=node("TupleNode", "tuple", "builtins", content=[node("JsonNode", "str", "builtins", content='"true"')]))),
        "skops partial.skops": skops(node("PartialNode", "partial", "functools", content={"func": node("FunctionNode", "system", "os"), "args": node("TupleNode", "tuple", "builtins", content=[]), "kwds": node("DictNode", "dict", "builtins", content={}, key_types=numbers), "namespace": node("JsonNode", "x", "builtins", content="null")})),
        "skops list.skops": skops(node("TupleNode", "Popen", "subprocess", content=[node("JsonNode", "str", "builtins", content='"true"')])), "skops dict.skops": skops(node("DictNode", "system", "os", content={}, key_types=numbers)), "skops file.skops": skops(node("BytesNode", "bytes", "builtins", file="../../etc/passwd")),
        "skops pickle.skops": zipped({**GOOD, "schema.json": NESTED}), "torch.pt": zipped({"a/data.pkl": NESTED}), "torch key.pt": zipped({"a/data.pkl": pickled(storage("../../x", 1)), "a/data/0": bytes(4)}), "torch two.pt": zipped({"a/data.pkl": pickled(b"N"), "b/data.pkl": NESTED, "b/version": "3"}) if False else zipped({"a/data.pkl": NESTED, "b/data.pkl": pickled(b"N")}),
        "script.pt": zipped({"a/data.pkl": pickled(b"N"), "a/constants.pkl": NESTED, "a/code/x.py": "import os"}), "objects.npz": zipped({"a.npy": npy("'|O'", "(1,)", NESTED)}), "more.npz": zipped({"a.npy": npy("'<f8'"), "b.pkl": NESTED}),
        "twice.skops": twice.getvalue(), "case.skops": zipped({**GOOD, "SCHEMA.json": "{}"}), "dots.skops": _entry("../evil"), "inner dots.skops": _entry("a/../../evil"), "absolute.skops": _entry("/etc/evil"), "drive.skops": _entry("C:\\evil"), "backslash.skops": _entry("..\\evil"),
        "device.skops": _entry("NUL"), "stream.skops": _entry("a:b"), "blank.skops": _entry("a "), "letters.skops": _entry("sch\u0435ma.json"), "control.skops": _entry("a\x1b[2J"), "link.skops": _entry("link", b"/etc/passwd", 0o120777), "pipe.skops": _entry("pipe", b"", 0o010600), "disk.skops": _entry("disk", b"", 0o060600),
        "prefix.skops": b"PK\x03\x04" + bytes(26) + good, "suffix.skops": good + b"x", "comment.skops": good[:-2] + b"\x04\x00evil", "gap.skops": good[:directory] + b"evil" + good[directory:end] + good[end : end + 16] + struct.pack("<I", directory + 4) + good[end + 20 :],
        "local name.skops": patched(30, b"SCHEMA"), "local size.skops": patched(22, b"\x01\x00\x00\x00"), "local checksum.skops": patched(14, bytes(4)), "checksum.skops": patched(directory + 16, bytes(4)), "both checksums.skops": patched(directory + 16, bytes(4))[:14] + bytes(4) + patched(directory + 16, bytes(4))[18:],
        "encrypted.skops": patched(directory + 8, b"\x01\x00"), "method.skops": patched(directory + 10, b"\x0e\x00"), "size.skops": patched(directory + 24, b"\xff\xff\xff\x7f"), "wide size.skops": patched(directory + 24, b"\xff\xff\xff\xff"), "place.skops": patched(directory + 42, b"\x01\x00\x00\x00"), "count.skops": patched(end + 10, b"\x02\x00"),
        "many.skops": patched(end + 8, b"\xff\xff\xff\xff"), "disk number.skops": patched(end + 4, b"\x01\x00"), "directory size.skops": patched(end + 12, b"\x01\x00\x00\x00"), "directory place.skops": patched(end + 16, b"\x00\x00\x00\x00"), "empty.skops": b"PK\x05\x06" + bytes(18), "spanned.skops": b"PK\x07\x08" + good,
    }  # fmt: skip
