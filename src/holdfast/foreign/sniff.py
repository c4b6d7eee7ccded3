"""What is this file? Its bytes decide, and a suffix that contradicts them is refused.

The one rule: exactly one reader is chosen, from the bytes; when it refuses, nothing is handed on to another.
"""

from __future__ import annotations

import os

from holdfast.errors import FormatError
from holdfast.foreign.reading import Refused

HEAD = 4096
"""Bytes that are looked at."""

_COMPRESSED = {
    b"\x78\x01": "zlib", b"\x78\x5e": "zlib", b"\x78\x9c": "zlib", b"\x78\xda": "zlib", b"\x1f\x8b": "gzip", b"BZh": "bz2",
    b"\xfd7zXZ\x00": "xz", b"\x5d\x00\x00": "lzma", b"\x04\x22\x4d\x18": "lz4", b"ZF0x": "z-file",
}  # fmt: skip
"""First bytes -> compression that joblib writes."""

_SAVE = "; save the model again with the library that wrote it, in a format that holdfast reads, or with holdfast itself"
_REFUSED: tuple[tuple[bytes, Refused], ...] = (
    (b"version https://git-lfs", Refused("a Git LFS pointer and not the file itself", "; run: git lfs pull")),
    (b"<!doctype html", Refused("an HTML page", "; a download that failed, or a login page: download the file again")),
    (b"<html", Refused("an HTML page", "; a download that failed, or a login page: download the file again")),
    (b"7z\xbc\xaf\x27\x1c", Refused("a 7z archive", "; unpack it first")),
    (b"Rar!\x1a\x07", Refused("a RAR archive", "; unpack it first")),
    (b"\x28\xb5\x2f\xfd", Refused("zstandard data", "; decompress it first")),
    (b"\x89PNG", Refused("a PNG picture", "")),
    (b"\xff\xd8\xff", Refused("a JPEG picture", "")),
    (b"%PDF", Refused("a PDF document", "")),
    (b"\x7fELF", Refused("a program", "")),
    (b"MZ", Refused("a program", "")),
    (b"age-encryption.org/", Refused("a file encrypted with age", "; decrypt it first")),
    (b"\xac\xed\x00\x05", Refused("a serialised Java object", _SAVE)),
    (b"RDX2\n", Refused("data of R", _SAVE)), (b"RDX3\n", Refused("data of R", _SAVE)), (b"X\n\x00\x00", Refused("data of R", _SAVE)),
    (b"A\n2\n", Refused("data of R", _SAVE)), (b"A\n3\n", Refused("data of R", _SAVE)),
    (b"MATLAB 5.0", Refused("data of MATLAB", _SAVE)),
)

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "torch"),
    (b"\x80\x00", "pickle"), (b"\x80\x01", "pickle"), (b"\x80\x02", "pickle"), (b"\x80\x03", "pickle"), (b"\x80\x04", "pickle"), (b"\x80\x05", "pickle"),
    (b"PK\x03\x04", "zip"), (b"PK\x05\x06", "zip"), (b"\x93NUMPY", "npy"), (b"\x89HDF\r\n\x1a\n", "hdf5"), (b"GGUF", "gguf"),
    (b"CBM1", "catboost"), (b"tree\nversion=", "lightgbm"), (b"{L\x00\x00\x00\x00\x00\x00", "xgboost"), (b"{l\x00\x00", "xgboost"),
)  # fmt: skip

SUFFIXES: dict[str, tuple[str, ...]] = {
    ".pkl": ("pickle",), ".pickle": ("pickle",), ".joblib": ("pickle",), ".dill": ("pickle",), ".cloudpickle": ("pickle",), ".sav": ("pickle",), ".p": ("pickle",),
    ".z": ("pickle",), ".gz": ("pickle",), ".bz2": ("pickle",), ".xz": ("pickle",), ".lzma": ("pickle",), ".lz4": ("pickle",),
    ".skops": ("skops",), ".npz": ("npz",), ".npy": ("npy",), ".pt": ("torch", "pickle", "torch script", "tar"), ".pth": ("torch", "pickle", "torch script", "tar"), ".ckpt": ("torch", "pickle"),
    ".bin": ("torch", "pickle", "xgboost"), ".pt2": ("torch program",), ".keras": ("keras",), ".h5": ("hdf5",), ".hdf5": ("hdf5",), ".weights": ("hdf5",),
    ".ubj": ("xgboost",), ".json": ("xgboost json", "json", "catboost json"), ".txt": ("lightgbm",), ".cbm": ("catboost",), ".pmml": ("pmml",), ".onnx": ("onnx",),
    ".gguf": ("gguf",), ".safetensors": ("safetensors",), ".tflite": ("tflite",), ".pb": ("saved model",), ".zip": ("zip",), ".tar": ("tar",),
}  # fmt: skip
"""Suffix -> what the bytes of a file of that name may turn out to be; other suffixes promise nothing."""


def sniff(head: bytes, size: int) -> str:
    """Return what a file is by its first bytes.

    Returns:
        A name of `holdfast.foreign.READERS`, ``zip`` for an archive that its members tell, ``compressed <how>``, ``safetensors``, or
        ``unknown`` for everything else: the reader of safetensors says what is wrong with it.

    Raises:
        FormatError: it is something that is no model, or is not read; says what it looks like and what to do.
    """
    refuse(head)
    if len(head) >= 9 and head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") <= size - 8:
        return "safetensors"
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    for magic, name in _COMPRESSED.items():
        if head.startswith(magic):
            return f"compressed {name}"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text[:5].lower() == b"<?xml" or text[:5] == b"<PMML":
        return "pmml"
    if text[:1] == b"{" and b'"learner"' in head:
        return "xgboost json"
    if text[:1] == b"{" and (b'"features_info"' in text[:200] or b'"ctr_data"' in text[:200]):
        return "catboost json"
    if len(text) > 1 and text[:1] == b"{" and text[1:2] in b'"\r\n \t}':
        return "json"
    if head[4:8] == b"TFL3":
        return "tflite"
    if head[257:262] == b"ustar":
        return "tar"
    if _is_onnx(head):
        return "onnx"
    if _is_old_pickle(head):
        return "pickle"
    return "unknown"


def refuse(head: bytes) -> None:
    """Refuse what is no model at all, or is never read.

    Raises:
        FormatError: says what it looks like and what to do.
    """
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:64].lower()
    for magic, what in _REFUSED:
        if head.startswith(magic) or (magic.isascii() and magic[:1] in b"<v" and start.startswith(magic)):
            raise FormatError(f"this looks like {what.what}{what.advice}; nothing was loaded")


def _is_onnx(head: bytes) -> bool:
    # ModelProto: field 1, a version number below 128, then the producer (2), the opsets (8), or the graph (7)
    return len(head) > 4 and head[0] == 0x08 and 3 <= head[1] < 64 and head[2] in (0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42, 0x72)


def _is_old_pickle(head: bytes) -> bool:
    """Say whether text looks like a pickle of protocol 0 or 1, which have no mark of their own."""
    if head[:1] not in (b"(", b"c", b"]", b"}", b"I", b"F", b"S", b"V", b"L", b"N", b"K", b"G", b"i"):
        return False
    if head[:1] == b"c":
        line = head[1:80].partition(b"\n")[0]
        return bool(line) and all(part.isidentifier() for part in line.decode("latin-1").split("."))
    return head[:2] in (b"(d", b"(l", b"(t", b"(i", b"(c", b"(S", b"(V", b"(I", b"(K", b"(X", b"]q", b"}q", b"(o") or b"\n" in head[:80]


def check_suffix(name: str, found: str, size: int) -> None:
    """Refuse a suffix that contradicts what a file is.

    Raises:
        FormatError: says both, and what to rename it to.
    """
    suffix = os.path.splitext(name)[1].lower()
    allowed = SUFFIXES.get(suffix)
    if allowed is None or found in allowed or (found.startswith("compressed") and "pickle" in allowed):
        return
    if found == "unknown" and (allowed[0] == "safetensors" or not size):
        return  # its reader says what is wrong with it
    if found == "unknown":
        raise FormatError(f"the suffix {suffix} says {WORDS.get(allowed[0], allowed[0])}, and the content does not look like one; it is damaged, or something else", file=name)
    usual = next((one for one, kinds in SUFFIXES.items() if kinds[0] == found), None)
    raise FormatError(
        f"this looks like {WORDS.get(found, found)}, and the suffix {suffix} says {WORDS.get(allowed[0], allowed[0])}; "
        + (f"rename it to {usual} if you trust where it is from" if usual else "find out where it is from"),
        file=name,
    )


WORDS: dict[str, str] = {
    "pickle": "a pickle", "npz": "a .npz archive of numpy", "npy": "a .npy file of numpy", "torch": "a file of torch.save",
    "torch script": "a TorchScript archive", "torch program": "an exported program of PyTorch", "skops": "a skops file", "keras": "a Keras model",
    "hdf5": "an HDF5 file", "xgboost": "an XGBoost model", "xgboost json": "an XGBoost model in JSON", "lightgbm": "a LightGBM model", "catboost": "a CatBoost model",
    "catboost json": "a CatBoost model in JSON",
    "pmml": "an XML document", "onnx": "an ONNX model", "gguf": "a GGUF file", "json": "JSON", "safetensors": "a safetensors file", "zip": "a zip archive",
    "tar": "a tar archive", "tflite": "a LiteRT model", "saved model": "a SavedModel of TensorFlow",
}  # fmt: skip
"""What each kind of file is called in a message."""
