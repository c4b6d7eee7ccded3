"""Memory: each workload and system once more, in child processes of their own.

Strategy: one child has the model and saves it, another loads the file. Each first brings in the libraries and runs the system
once on a tiny model, so that code and tables count for nobody; then it hands free memory back to the system and resets the
high-water mark (VmHWM). Numbers are beyond what the process held at that point.

The one rule: a load is measured before anything touches the model, so a mapped array counts only as far as it was read.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

from bench.systems import BY_NAME as SYSTEMS
from bench.systems import taking_part
from bench.timing import LIMIT, remove
from bench.workloads import BY_NAME as WORKLOADS
from bench.workloads import Workload

ROOT = Path(__file__).resolve().parent.parent


def _status(key: str) -> int:
    """Return a line of /proc/self/status in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {key}")


def _settle() -> int:
    """Hand free memory back, reset the high-water mark, and return what is resident."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)  # glibc only; elsewhere freed memory may hide a little of what follows
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _mapped(path: str) -> int:
    """Return how many bytes of mappings of a file are resident."""
    total, inside = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        words = line.split()
        if not words[0].endswith(":"):
            inside = line.endswith(path)
        elif inside and words[0] == "Rss:":
            total += int(words[1]) * 1024
    return total


def _rehearse(system: str, folder: Path) -> None:
    """Run the system once on a tiny model, so that what it imports and reads once is there."""
    from sklearn.preprocessing import StandardScaler

    path = str(folder / "tiny.safetensors")
    writer = SYSTEMS[SYSTEMS[system].file_of or system]
    try:
        if writer.save is not None:
            tiny: Any = StandardScaler().fit([[0.0], [1.0]])
            if writer.only is None:
                writer.save(tiny, path, False)
        load = SYSTEMS[system].load
        if load is not None:
            load(path)
    finally:
        remove(path)


def _child_save(workload: str, system: str, path: str, quick: bool) -> dict[str, Any]:
    model = WORKLOADS[workload].model(quick)
    save = SYSTEMS[system].save
    assert save is not None
    _rehearse(system, Path(path).parent)
    before = _settle()
    save(model, path, False)
    # the loading child brings these in before it measures: classes of the model are no cost of the system
    modules = sorted(name for name in sys.modules if name.partition(".")[0] in ("sklearn", "scipy", "numpy", "pandas"))
    return {"save_extra": _status("VmHWM") - before, "modules": modules}


def _child_load(workload: str, system: str, path: str, modules: list[str]) -> dict[str, Any]:
    for module in modules:
        with contextlib.suppress(Exception):
            importlib.import_module(module)
    _rehearse(system, Path(path).parent)
    one = SYSTEMS[system]
    if one.prepare is not None:
        one.prepare(path)
    assert one.load is not None
    before = _settle()
    model = one.load(path)
    resident, peak = _status("VmRSS"), _status("VmHWM")
    mapped = _mapped(path)
    del model
    return {"load_resident": max(0, resident - before), "load_extra": max(0, peak - resident), "load_mapped": mapped}


def _child(work: str, workload: str, system: str, path: str, quick: bool, modules: list[str]) -> dict[str, Any]:
    order = json.dumps([work, workload, system, path, quick, modules])
    done = subprocess.run(
        [sys.executable, "-m", "bench.memory"], input=order, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT * 2
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1][:300] if done.stderr.strip() else f"exit {done.returncode}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(workload: Workload, folder: Path, quick: bool, skip: set[str]) -> dict[str, dict[str, Any]]:
    """Return system -> bytes by kind, for every system that can save the workload."""
    found: dict[str, dict[str, Any]] = {}
    systems = [one for one in taking_part(workload.name) if one.name not in skip]
    for system in systems:
        if system.save is None:
            continue
        path = str(folder / f"memory-{workload.name}.safetensors")
        try:
            saved = _child("save", workload.name, system.name, path, quick, [])
            found[system.name] = {"save_extra": saved["save_extra"]}
            for reader in [system, *(one for one in systems if one.file_of == system.name)]:
                if reader.load is not None:
                    found.setdefault(reader.name, {}).update(
                        _child("load", workload.name, reader.name, path, quick, saved["modules"])
                    )
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            found.setdefault(system.name, {})["problem"] = str(error).replace(f"{folder}/", "")[:300]
        finally:
            remove(path)
    return found


def main() -> None:
    """Be the child: one order from stdin, one line of JSON to stdout."""
    warnings.simplefilter("ignore")
    work, workload, system, path, quick, modules = json.load(sys.stdin)
    print(
        json.dumps(_child_save(workload, system, path, quick) if work == "save" else _child_load(workload, system, path, modules))
    )


if __name__ == "__main__":
    main()
