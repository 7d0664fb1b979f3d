"""Devices: this machine's are found without torch; one that it lacks is refused with a list of those it has."""

import subprocess
from collections.abc import Callable, Iterator

import pytest

from audiotag.errors import AudiotagError
from audiotag.training import devices as devices_module
from audiotag.training.devices import Device, age_problem, check_device, describe_device, devices

CPU = Device("cpu", "CPU")
ONE_GPU = (Device("cuda:0", "A100"), CPU)
TWO_GPUS = (Device("cuda:0", "A100"), Device("cuda:1", "A100"), CPU)
APPLE = (Device("mps", "Apple GPU"), CPU)

A100, T4, P100, K80 = "A100, 8.0, 40960", "Tesla T4, 7.5, 15360", "Tesla P100, 6.0, 16384", "Tesla K80, 3.7, 12288"


@pytest.fixture(autouse=True)
def _looked_up_anew() -> Iterator[None]:
    find = devices_module.devices
    find.cache_clear()
    yield
    find.cache_clear()


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """``here(devices)``: the machine has these devices."""
    return lambda found: monkeypatch.setattr(devices_module, "devices", lambda: found)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """``machine(platform, processor, lines, fails)``: a machine whose nvidia-smi prints these lines, or fails."""

    def make(platform: str, processor: str, lines: list[str] | None, fails: Exception | None = None) -> None:
        def printed(command: list[str], **options: object) -> subprocess.CompletedProcess:
            assert command[0] == "/bin/nvidia-smi"
            if fails:
                raise fails
            return subprocess.CompletedProcess(command, 0, "\n".join(lines or []) + "\n", "")

        monkeypatch.setattr("sys.platform", platform)
        monkeypatch.setattr("platform.machine", lambda: processor)
        monkeypatch.setattr("shutil.which", lambda tool: None if lines is None else f"/bin/{tool}")
        monkeypatch.setattr(devices_module.subprocess, "run", printed)

    return make


@pytest.mark.parametrize(
    ("found", "asked", "given"),
    [
        ((CPU,), "", ("cpu",)),
        ((CPU,), "cpu", ("cpu",)),
        ((CPU,), "cpu,cpu", ("cpu", "cpu")),
        (ONE_GPU, "", ("cuda:0",)),
        (ONE_GPU, "cuda", ("cuda:0",)),
        (ONE_GPU, "cpu", ("cpu",)),
        (TWO_GPUS, "", ("cuda:0", "cuda:1")),
        (TWO_GPUS, "cuda", ("cuda:0",)),
        (TWO_GPUS, "cuda:1", ("cuda:1",)),
        (TWO_GPUS, "cuda:1, cuda:0", ("cuda:1", "cuda:0")),
        (TWO_GPUS, "cuda:0,cpu", ("cuda:0", "cpu")),
        (APPLE, "", ("mps",)),
        (APPLE, "mps,cpu", ("mps", "cpu")),
    ],
)
def test_a_runs_device_names_one_or_more_and_the_best_where_it_is_empty(
    found: tuple[Device, ...], asked: str, given: tuple[str, ...], here: Callable
) -> None:
    here(found)
    assert check_device(asked) == given


@pytest.mark.parametrize(
    ("found", "asked", "wrong"),
    [
        ((CPU,), "cuda", "cuda"),
        ((CPU,), "mps", "mps"),
        ((CPU,), "gpu", "gpu"),
        ((CPU,), "CPU", "CPU"),
        ((CPU,), "cpu:0", "cpu:0"),
        (ONE_GPU, "cuda:1", "cuda:1"),
        (ONE_GPU, "cuda:0,cuda:1", "cuda:1"),
        (TWO_GPUS, "cuda:2", "cuda:2"),
        (TWO_GPUS, "cuda:", "cuda:"),
        (TWO_GPUS, "cuda:0,", ""),
        (TWO_GPUS, "cuda:0;cuda:1", "cuda:0;cuda:1"),
        (APPLE, "cuda", "cuda"),
    ],
)
def test_device_that_is_not_here_is_refused_with_those_that_are(
    found: tuple[Device, ...], asked: str, wrong: str, here: Callable
) -> None:
    here(found)
    keys = ", ".join(device.key for device in found)
    with pytest.raises(AudiotagError, match=f"device must be one of {keys} on this machine, got '{wrong}'"):
        check_device(asked)


@pytest.mark.parametrize("platform", ["linux", "win32", "darwin"])
def test_machine_without_a_gpu_trains_on_its_cpu_and_nothing_is_wrong(platform: str, machine: Callable) -> None:
    machine(platform, "x86_64", lines=None)
    (cpu,) = devices()
    assert (cpu.key, cpu.problem) == ("cpu", "")
    assert "cores" in cpu.name
    assert "GiB" in cpu.name
    assert describe_device() == cpu


def test_every_usable_gpu_is_found_in_order_and_the_first_is_the_best(machine: Callable) -> None:
    machine("linux", "x86_64", [A100, T4])
    first, second, cpu = devices()
    assert (first.key, first.name) == ("cuda:0", "A100, 40 GiB")
    assert (second.key, second.name) == ("cuda:1", "Tesla T4, 15 GiB")
    assert (cpu.key, cpu.problem) == ("cpu", "")
    assert describe_device() == first


def test_gpus_that_are_too_old_are_named_beside_the_cpu_and_keep_their_numbers(machine: Callable) -> None:
    machine("linux", "x86_64", [P100, A100, K80])
    gpu, cpu = devices()
    assert gpu.key == "cuda:1"
    assert cpu.problem == f"{age_problem('Tesla P100', (6, 0))} {age_problem('Tesla K80', (3, 7))}"


def test_the_oldest_gpu_that_pytorch_is_built_for_is_used() -> None:
    assert age_problem("Tesla T4", (7, 5)) == ""
    assert age_problem("Tesla V100", (7, 0)) == (
        "Tesla V100 (compute capability 7.0) is too old for this PyTorch, which needs 7.5 or newer; the CPU is used."
    )
    assert age_problem("B200", (10, 0)) == ""


def test_windows_says_why_its_gpu_is_not_used(machine: Callable) -> None:
    machine("win32", "AMD64", [A100])
    (cpu,) = devices()
    assert cpu.problem == "PyPI's PyTorch for Windows has no GPU support, so A100 is not used; WSL2 would use it."


def test_apples_gpu_comes_before_its_cpu_and_intel_macs_have_none(machine: Callable) -> None:
    machine("darwin", "arm64", lines=None)
    gpu, cpu = devices()
    assert (gpu.key, cpu.key) == ("mps", "cpu")
    assert "Apple GPU" in gpu.name
    devices.cache_clear()
    machine("darwin", "x86_64", lines=None)
    assert [device.key for device in devices()] == ["cpu"]


@pytest.mark.parametrize(
    "fails",
    [subprocess.TimeoutExpired("nvidia-smi", 5), subprocess.CalledProcessError(9, "nvidia-smi"), PermissionError(13)],
)
def test_driver_that_does_not_answer_leaves_the_cpu(fails: Exception, machine: Callable) -> None:
    machine("linux", "x86_64", [A100], fails)
    assert [device.key for device in devices()] == ["cpu"]


@pytest.mark.parametrize("line", ["NVIDIA-SMI has failed", "A100, [N/A], 40960", "A100, 8.0, [N/A]", "A100, 8.0"])
def test_driver_that_answers_something_else_leaves_the_cpu(line: str, machine: Callable) -> None:
    machine("linux", "x86_64", [line])
    assert [device.key for device in devices()] == ["cpu"]
