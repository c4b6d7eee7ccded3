"""A model saved by one Python version loads, and proves itself, in another; both ways.

Other interpreters are looked for on the path and where pyenv keeps them; with none at hand the test says so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

import holdfast
from tests.artifact.models import data, forest, neighbours, pipeline

ROOT = Path(__file__).parent.parent


def interpreters() -> list[str]:
    found = {}
    for version in ("3.12", "3.13"):
        candidates = [shutil.which(f"python{version}"), *map(str, (Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))]
        for path in candidates:
            if path and subprocess.run([path, "-c", "import venv"], capture_output=True, check=False).returncode == 0:
                found[version] = path
                break
    return list(found.values())


WRITE = """
import sys, warnings; warnings.simplefilter("ignore")
import holdfast
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingClassifier
X, y = load_iris(return_X_y=True)
holdfast.save(GradientBoostingClassifier(n_estimators=5, random_state=0).fit(X, y), sys.argv[1], example=X[:20])
"""


@pytest.mark.long
@pytest.mark.parametrize("python", interpreters() or ["none"])
def test_files_pass_between_python_versions(python: str, tmp_path: Path) -> None:
    if python == "none":
        pytest.skip("no Python 3.12 or 3.13 at hand")
    there = tmp_path / "venv" / "bin" / "python"
    quiet = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    subprocess.run([python, "-m", "venv", str(tmp_path / "venv")], check=True)
    install = [str(there), "-m", "pip", "install", "-q", "-c", str(ROOT / "constraints.txt"), f"{ROOT}[sklearn]"]
    subprocess.run(install, check=True, env=quiet, cwd=tmp_path)
    for name, model in {"pipeline": pipeline(), "forest": forest(), "neighbours": neighbours()}.items():
        path = tmp_path / f"{name}.safetensors"
        holdfast.save(model, path, example=data()[0][:20])
        done = subprocess.run([str(there), "-m", "holdfast", "verify", str(path)], capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "all digests hold" in done.stdout
    subprocess.run([str(there), "-c", WRITE, str(tmp_path / "back.safetensors")], check=True, cwd=tmp_path)
    proof = holdfast.verify(tmp_path / "back.safetensors")
    assert proof.ok
    assert proof.digests
