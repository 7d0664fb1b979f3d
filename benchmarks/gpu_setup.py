"""Carry audiotag's training and tagging to a machine with Python and torch, but without a network.

Where there is a network, in the root of the repository:

    python benchmarks/gpu_setup.py pack wheels --python 3.12

downloads the wheels that such a machine lacks, in the versions of ``requirements.txt``, into the folder ``wheels``, and
prints their size: with the repository at most 64 MiB. On the machine, in the root of the repository:

    python3 benchmarks/gpu_setup.py install wheels --target /tmp/site
    export PYTHONPATH=$PWD:/tmp/site

installs those that its Python lacks or has an older major version of, and says what is still missing. What comes with
torch's usual images is expected there: torch, torchaudio and torchvision, NumPy, SciPy, pyarrow, scikit-learn, numba,
Matplotlib, onnx, requests, PyYAML. Left out, because neither training nor tagging of WAV, FLAC, OGG and MP3 imports
them: Streamlit, Plotly, PyAV (other formats), OpenVINO, umap-learn, usearch, cleanlab, the SoundFont.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
MIB = 2**20
MAX_MIB = 64
# What `audiotag train` and `audiotag tag` import beside what is expected on the machine, with its needs.
AUDIO = (
    "soundfile",
    "cffi",
    "pycparser",
    "soxr",
    "librosa",
    "lazy-loader",
    "audioread",
    "decorator",
    "pooch",
    "msgpack",
)
FASTAI = (
    "fastai", "fastaudio", "fastcore", "fasttransform", "fastprogress", "fastdownload", "python-fasthtml",
    "plum-dispatch", "beartype", "starlette", "itsdangerous", "python-multipart", "colorednoise", "anyio", "idna",
    "platformdirs", "cloudpickle",
)  # fmt: skip
IPYTHON = (
    "ipython", "ipython-pygments-lexers", "traitlets", "matplotlib-inline", "jedi", "parso", "prompt-toolkit",
    "pexpect", "ptyprocess", "stack-data", "executing", "asttokens", "pure-eval", "wcwidth", "pygments", "rich",
    "markdown-it-py", "mdurl",
)  # fmt: skip
OTHERS = ("psutil", "filelock", "safetensors", "tqdm", "pyloudnorm", "iterative-stratification", "joblib", "pandas")
TESTS = ("pytest", "iniconfig", "pluggy")
PACKED = AUDIO + FASTAI + IPYTHON + OTHERS + TESTS
EXPECTED = (
    "torch", "torchaudio", "torchvision", "numpy", "scipy", "pandas", "pyarrow", "sklearn", "numba", "matplotlib",
    "requests", "yaml", "PIL", "packaging", "onnx",
)  # fmt: skip
PLATFORMS = [f"manylinux_2_{minor}_x86_64" for minor in (28, 27, 24, 17, 12, 5)] + ["manylinux2014_x86_64"]


def pack(folder: Path, python: str) -> None:
    """Download the wheels for Linux on x86-64."""
    pins = dict(re.findall(r"^([a-z0-9._-]+)(?:\[.*\])?==([^\s;\\]+)", (ROOT / "requirements.txt").read_text(), re.M))
    wanted = [f"{name}=={pins[name]}" for name in PACKED]
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.whl"):
        old.unlink()
    platforms = [part for platform in PLATFORMS for part in ("--platform", platform)]
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"]
    command += ["--implementation", "cp", "--python-version", python, *platforms, "-d", str(folder)]
    subprocess.run([*command, *wanted], check=True)
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")
    repository = sum((ROOT / name.decode()).stat().st_size for name in tracked if name)
    wheels = sum(path.stat().st_size for path in folder.glob("*.whl"))
    print(f"{len(wanted)} wheels, {wheels / MIB:.1f} MiB; with the repository {(wheels + repository) / MIB:.1f} MiB")
    if wheels + repository > MAX_MIB * MIB:
        sys.exit(f"that is more than {MAX_MIB} MiB.")


def install(folder: Path, target: Path) -> None:
    """Install the wheels that this Python lacks, and say what is missing beside them."""
    wheels = [path for path in sorted(folder.glob("*.whl")) if is_needed(*path.name.split("-")[:2])]
    if not wheels and not list(folder.glob("*.whl")):
        sys.exit(f"{folder} holds no wheels; run the command pack where there is a network.")
    if wheels:
        command = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--no-compile", "--upgrade"]
        subprocess.run([*command, "--target", str(target), *map(str, wheels)], check=True)
    missing = [name for name in EXPECTED if importlib.util.find_spec(name) is None]
    print(f"{len(wheels)} packages are in {target}; missing: {', '.join(missing) or 'none'}")
    print(f"export PYTHONPATH={ROOT}:{target}")


def is_needed(name: str, version: str) -> bool:
    """Whether a package is not there, or its major version is an older one."""
    try:
        there = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return True
    return int(re.match(r"\d*", there)[0] or 0) < int(re.match(r"\d*", version)[0] or 0)  # type: ignore[index]


def main() -> None:
    """Pack or install."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("pack", "install"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--python", default="3.12", help="version of the other machine's Python (default: 3.12)")
    parser.add_argument("--target", type=Path, default=Path("/tmp/site"), help="folder to install into")
    options = parser.parse_args()
    if options.command == "pack":
        pack(options.folder, options.python)
    else:
        install(options.folder, options.target)


if __name__ == "__main__":
    main()
