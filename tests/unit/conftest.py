"""What unit tests share: clips from waveforms, commands, and nodes of a cluster."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
import pytest
import soundfile

from audiotag.cli.main import main
from audiotag.training.clips import Clip

from .ray_nodes import RayNodes, start_ray_nodes

ClipOf = Callable[..., Clip]


@pytest.fixture
def clip_of(tmp_path: Path) -> ClipOf:
    """``clip_of(name, waveform, sample_rate, wanted_rate, start)``: a file of floats, used from ``start`` on."""

    def make(name: str, waveform: np.ndarray, sample_rate: int, wanted_rate: int | None = None, start: int = 0) -> Clip:
        path = tmp_path / "clips" / name
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, waveform, sample_rate, subtype="FLOAT")
        samples = round(len(waveform) * (wanted_rate or sample_rate) / sample_rate)
        return Clip(name, path, start, samples, wanted_rate in (None, sample_rate))

    return make


@pytest.fixture(scope="session")
def _ray_nodes() -> Iterator[RayNodes]:
    if importlib.util.find_spec("ray") is None:
        pytest.skip("needs Ray: pip install 'audiotag[ray]'")
    with start_ray_nodes() as nodes:
        yield nodes


@pytest.fixture
def ray_nodes(_ray_nodes: RayNodes) -> RayNodes:
    """A Ray cluster of two nodes with one CPU each, which all tests share; a test may kill nodes."""
    _ray_nodes.restore()
    return _ray_nodes


class ForkServer:
    """Starts processes that have imported training and tagging already (`fork_server.py`)."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("fork_server.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )

    def start_detached(self, module: str, arguments: list[str], log: Path, **more: Any) -> psutil.Process:
        """As `audiotag.jobs.start_detached`; ``more`` is what else a request may have."""
        passed_on = {name for name in os.environ if name.startswith("AUDIOTAG_")} | {"PYTHONPATH"} & set(os.environ)
        environment = {name: os.environ[name] for name in passed_on}
        request = {"run": module, "arguments": arguments, "log": str(log), "environment": environment, **more}
        return psutil.Process(self._ask(request))

    def run(self, module: str, arguments: list[str], log: Path, **more: Any) -> int:
        """Wait for the end of such a process; its exit status, negative for the signal that ended it."""
        return self.wait(self.start_detached(module, arguments, log, **more).pid)

    def wait(self, pid: int) -> int:
        """Wait for the end of a process; its exit status."""
        return self._ask({"wait": pid})

    def close(self) -> None:
        """End the server."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait()
        self._server.stdout.close()

    def _ask(self, request: dict[str, Any]) -> int:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        return json.loads(self._server.stdout.readline())


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    """Starts processes within a moment; skips the test where the system cannot fork."""
    if not hasattr(os, "fork"):
        pytest.skip("needs os.fork")
    server = ForkServer()
    yield server
    server.close()


class CommandResult(NamedTuple):
    status: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., CommandResult]:
    """``run("tag", path, …)``: the command in this process."""

    def run_command(*arguments: object) -> CommandResult:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        output = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return CommandResult(ended.value.code, output.out, output.err)

    return run_command


SHORT_SOUNDS_HZ, SHORT_SOUNDS_LABELS = 8000, ("Buzz", "Hiss", "Hum")


def write_short_sounds(folder: Path, noisy_level: float = 0.2) -> Path:
    """Sixteen curated and twelve noisy clips of one or two of three sounds, shorter and longer than a crop.

    `tests/fixtures/workspace-0.1` was trained on them: they must stay as they are. At the level of the curated clips
    the noisy ones are copies of them.
    """
    for subset, count in (("train_curated", 16), ("train_noisy", 12)):
        (folder / subset).mkdir(parents=True)
        lines = ["fname,labels"]
        for number in range(count):
            rng, time_s = np.random.default_rng(number), np.arange(1500 + 250 * (number % 9)) / SHORT_SOUNDS_HZ
            sound = (np.sign(np.sin(1500 * time_s)), rng.normal(size=len(time_s)), np.sin(3000 * time_s))[number % 3]
            level = noisy_level if subset == "train_noisy" else 0.2
            soundfile.write(folder / subset / f"{number:02}.wav", level * sound, SHORT_SOUNDS_HZ)
            labels = {SHORT_SOUNDS_LABELS[number % 3], SHORT_SOUNDS_LABELS[(number // 5) % 3]}
            lines.append(f'{number:02}.wav,"{",".join(sorted(labels))}"')
        (folder / f"{subset}.csv").write_text("\n".join(lines) + "\n")
    return folder
