"""The wheel alone, in an environment and a folder that are empty, tags, scans and serves the app.

Dependencies are those of the environment that runs the tests, so that no network is needed.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).parents[2]
Run = Callable[..., subprocess.CompletedProcess]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the tracked files alone: what lies around in a working tree must not get into it."""
    folder = tmp_path_factory.mktemp("build")
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, tracked.split("\0")):
        if (ROOT / name).is_file() and not name.startswith(("tests/", "docs/")):
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / "source" / name)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(folder / "source")]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = folder.glob("*.whl")  # made from the source distribution that was built before it
    return path


@pytest.fixture(scope="session")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel, and the dependencies of this one."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    paths = sysconfig.get_paths(vars={"base": str(folder), "platbase": str(folder)})
    python = Path(paths["scripts"]) / Path(sys.executable).name
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-index", "--no-deps", "--quiet"]
    subprocess.run([*install, str(wheel)], check=True)
    here = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (Path(paths["purelib"]) / "dependencies.pth").write_text("\n".join(sorted(here)) + "\n")
    return Path(paths["scripts"])


@pytest.fixture
def run(environment: Path, tmp_path: Path) -> Run:
    """``run("tag", path)``: the installed command, in an empty folder."""

    def run_command(*arguments: object) -> subprocess.CompletedProcess:
        command = [str(environment / "audiotag"), *map(str, arguments)]
        return subprocess.run(command, cwd=tmp_path, env=clean(), capture_output=True, text=True, timeout=300)

    return run_command


def clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "AUDIOTAG_HOME")}


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Five seconds of white noise, which the shipped ensemble takes for rain."""
    path = tmp_path / "clip.wav"
    soundfile.write(path, 0.1 * np.random.default_rng(0).normal(size=5 * 44_100), 44_100)
    return path


def test_wheel_is_the_package_of_the_environment(environment: Path, tmp_path: Path) -> None:
    code = "import audiotag; print(audiotag.__file__); print(audiotag.__version__)"
    python = environment / Path(sys.executable).name
    done = subprocess.run([python, "-c", code], cwd=tmp_path, env=clean(), capture_output=True, text=True, check=True)
    path, version = done.stdout.split("\n")[:2]
    assert Path(path).is_relative_to(environment.parent)
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)


def test_wheel_holds_the_pages_the_theme_the_ensemble_and_no_test(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    pages = {f"audiotag/bundle/pages/{page.name}" for page in (ROOT / "pages").glob("*.py")}
    models = {f"audiotag/bundle/models/starter/{file.name}" for file in (ROOT / "models" / "starter").iterdir()}
    recipes = {f"audiotag/training/recipes/{file.name}" for file in (ROOT / "audiotag/training/recipes").glob("*.toml")}
    assert pages | models | recipes | {"audiotag/bundle/app.py", "audiotag/bundle/.streamlit/config.toml"} <= names
    assert "audiotag/py.typed" in names
    bundled = ROOT / "audiotag" / "tagging" / "standalone" / "bundled"
    files = {file for file in bundled.rglob("*") if file.is_file() and file.suffix != ".pyc"}
    assert {str(file.relative_to(ROOT)) for file in files} <= names
    top = {name.split("/")[0] for name in names}
    assert top == {"audiotag", "-".join(wheel.name.split("-")[:2]) + ".dist-info"}


def test_clip_is_tagged(run: Run, clip: Path) -> None:
    done = run("tag", clip.name, "--json")
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)
    assert "Rain" in json.dumps(result)


def test_ensemble_is_exported(run: Run, tmp_path: Path) -> None:
    done = run("export", "starter", "--folds", "1", "--out", "out/tagger.onnx")
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"tagger.onnx", "tag.py", "index.html"}


@pytest.fixture
def sounds(clip: Path) -> Path:
    """A folder with one folder per class."""
    folder = clip.parent / "sounds"
    (folder / "Noise").mkdir(parents=True)
    clip.rename(folder / "Noise" / "clip.wav")
    return folder


def test_folder_is_scanned(run: Run, sounds: Path) -> None:
    done = run("scan", sounds.name, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["labels"] == ["Noise"]


def test_app_is_served_to_this_machine_alone(environment: Path, run: Run, sounds: Path, tmp_path: Path) -> None:
    run("scan", sounds.name)  # a dataset to show, or the starter sounds would be rendered first
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(environment / "audiotag"), "app", "--port", str(port)]
    with (tmp_path / "log.txt").open("w") as log:
        server = subprocess.Popen(
            command, cwd=tmp_path, env=clean(), stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 60
        while True:
            try:
                assert urllib.request.urlopen(f"{url}/_stcore/health").read() == b"ok"
                break
            except OSError:
                assert server.poll() is None, (tmp_path / "log.txt").read_text()
                assert time.monotonic() < deadline, (tmp_path / "log.txt").read_text()
        (address,) = re.findall(rf"http://127\.0\.0\.1:{port}/\?token=\S+", (tmp_path / "log.txt").read_text())
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"{url}/tag")
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        browser.open(address)
        assert b"streamlit" in browser.open(f"{url}/tag").read().lower()
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=30)


def test_pages_of_the_wheel_run(environment: Path, run: Run, sounds: Path, tmp_path: Path) -> None:
    run("scan", sounds.name)
    code = """
from audiotag.shipped import APP
from streamlit.testing.v1 import AppTest
at = AppTest.from_file(str(APP), default_timeout=60).run()
assert not at.exception, at.exception
for page in sorted((APP.parent / "pages").glob("*.py")):
    at.switch_page(f"pages/{page.name}").run()
    assert not at.exception, (page, at.exception)
    assert len(at.title) == 1, page
print(APP)
"""
    python = environment / Path(sys.executable).name
    done = subprocess.run([python, "-c", code], cwd=tmp_path, env=clean(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.split("\n")[-2]).is_relative_to(environment.parent)
