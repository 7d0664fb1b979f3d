"""How the worker of a run hands folds to Ray, with a stand-in for Ray that runs nothing."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from audiotag.errors import AudiotagError
from audiotag.training import cluster_folds, cluster_node
from audiotag.training.cluster_folds import MAX_LOSSES, ClusterFolds, FoldTask, Share, Tail, share_of_node
from audiotag.training.cluster_node import Ended, train_fold
from audiotag.training.device_queue import devices_of
from audiotag.training.devices import check_device_on_cluster
from audiotag.training.runs import EVENTS, Run, RunSettings
from audiotag.version import __version__

EPOCH = {"event": "epoch", "fold": 1, "stage": 0, "subset": "curated", "epoch": 1, "lwlrap": 0.5, "seconds": 1.0,
         "train_loss": 0.5, "valid_loss": 0.5}  # fmt: skip


class RayError(Exception):
    """What Ray raises if a node is lost."""


class FakeRay:
    """Tasks that end with the next of the results; an exception is raised."""

    exceptions = SimpleNamespace(
        RayError=RayError,
        TaskCancelledError=type("TaskCancelledError", (RayError,), {}),
        RayTaskError=type("RayTaskError", (RayError,), {}),
        OutOfMemoryError=type("OutOfMemoryError", (RayError,), {}),
    )

    def __init__(self, *results: Ended | Exception) -> None:
        self.results, self.started, self.cancelled = list(results), [], []  # type: ignore[var-annotated]

    def remote(self, **options: Any) -> Callable[..., Any]:
        return lambda function: SimpleNamespace(remote=lambda *arguments: self.start(options, arguments))

    def start(self, options: dict[str, Any], arguments: tuple) -> int:
        self.started.append((options, arguments))
        return len(self.started)

    def wait(self, refs: list[int], timeout: float) -> tuple[list[int], list[int]]:
        return (refs, []) if self.results else ([], refs)

    def get(self, ref: int) -> Ended:
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    def cancel(self, ref: int) -> None:
        self.cancelled.append(ref)
        self.results.append(self.exceptions.TaskCancelledError())


def write_events(run: Run, fold: int, *events: dict[str, Any]) -> None:
    own = Run(run.folder, f"fold-{fold}/{EVENTS}")
    for event in events:
        own.append_events(json.dumps(event).encode() + b"\n")


CPU = Share("cpu", 2, 0, 1)
LOST = RayError("the node died")


def test_fold_whose_node_is_lost_is_started_again_and_its_events_are_taken_over_once(run: Run) -> None:
    ray = FakeRay(LOST, Ended("b", None))
    task = FoldTask(run, ray, CPU, 1)
    write_events(run, 1, EPOCH)
    with (run.fold_folder(1) / EVENTS).open("ab") as file:
        file.write(b'{"event": "ep')  # cut short by the kill
    task.look(must_stop=False)
    assert task.is_active
    write_events(run, 1, EPOCH | {"epoch": 2})
    task.look(must_stop=False)
    assert (task.is_active, task.failure, len(ray.started)) == (False, "", 2)
    assert [event["epoch"] for event in run.events()] == [1, 2]
    assert not (run.fold_folder(1) / EVENTS).exists()
    options, arguments = ray.started[0]
    assert (options["num_cpus"], options["num_gpus"], options["max_retries"]) == (2, 0, 0)
    assert arguments[2:] == (__version__, 1, "fold-1", "cpu", 2)


def test_fold_that_loses_its_node_again_and_again_without_an_epoch_fails(run: Run) -> None:
    task = FoldTask(run, FakeRay(*[LOST] * (MAX_LOSSES + 1)), CPU, 1)
    for _ in range(MAX_LOSSES + 1):
        assert task.is_active
        task.look(must_stop=False)
    assert not task.is_active
    assert task.failure.startswith("Fold 1 lost its node 4 times without an epoch in between: look at the nodes' logs")


def test_epochs_between_losses_let_a_fold_go_on(run: Run) -> None:
    task = FoldTask(run, FakeRay(*[LOST] * (3 * MAX_LOSSES)), CPU, 1)
    for number in range(3 * MAX_LOSSES):
        write_events(run, 1, EPOCH | {"epoch": number + 1})
        task.look(must_stop=False)
    assert (task.is_active, task.failure) == (True, "")


def test_what_an_earlier_worker_left_is_taken_over_without_what_it_took_over_itself(run: Run) -> None:
    write_events(run, 1, EPOCH, EPOCH | {"epoch": 2})
    run.append_events(json.dumps(EPOCH).encode() + b"\n")
    FoldTask(run, FakeRay(), CPU, 1)
    assert [event["epoch"] for event in run.events()] == [1, 2]


def test_stop_cancels_a_fold_that_waits_for_a_node_and_leaves_one_in_training_to_see_it(run: Run) -> None:
    waiting, training = FakeRay(), FakeRay()
    first, second = FoldTask(run, waiting, CPU, 1), FoldTask(run, training, CPU, 2)
    run.fold_folder(2).mkdir()
    (run.fold_folder(2) / "log.txt").write_text("worker 7 begins\n")
    for task in (first, second):
        task.look(must_stop=False)
        task.look(must_stop=True)
    first.look(must_stop=True)
    assert (waiting.cancelled, first.is_active, first.failure) == ([1], False, "")
    assert (training.cancelled, second.is_active) == ([], True)


def test_run_whose_folds_have_all_ended_does_not_wait_for_a_node(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    class BeginningRay(FakeRay):
        def nodes(self) -> list[dict[str, Any]]:
            return [{"Alive": True, "Resources": {"CPU": 4.0}}]

        def start(self, options: dict[str, Any], arguments: tuple) -> int:
            run.fold_folder(arguments[3]).mkdir()
            (run.fold_folder(arguments[3]) / "log.txt").write_text("worker 7 begins\n")
            return super().start(options, arguments)

    written: list[tuple] = []
    monkeypatch.setattr(Run, "write_process", lambda run, *values: written.append(values))
    monkeypatch.setattr(cluster_folds, "BEGIN_S", -1.0)
    monkeypatch.setattr(cluster_folds, "next_barrier", lambda run, session: None)
    monkeypatch.setattr(cluster_folds, "are_trained", lambda *arguments: True)
    session: Any = SimpleNamespace(settings=run.settings(), folds=(1, 2))
    ray = BeginningRay(Ended("a", None), Ended("b", None))
    assert ClusterFolds(run, session, ray).train([1, 2])
    assert written == []


def test_reason_of_a_fold_names_its_node(run: Run) -> None:
    given = FoldTask(run, FakeRay(Ended("n2", "The disk is full; free some space.")), CPU, 1)
    silent = FoldTask(run, FakeRay(Ended("n2", "")), CPU, 2)
    for task in (given, silent):
        task.look(must_stop=False)
    assert given.failure == "Fold 1 failed on node n2. The disk is full; free some space."
    assert silent.failure.startswith("Fold 2 failed on node n2. Its process ended without giving a reason. Its process")


def test_node_without_audiotag_is_a_sentence(run: Run) -> None:
    error = FakeRay.exceptions.RayTaskError("ModuleNotFoundError: No module named 'audiotag'")
    task = FoldTask(run, FakeRay(error), CPU, 1)
    task.look(must_stop=False)
    assert task.failure.startswith("a node of the cluster has no audiotag; install the same version there")


def test_lines_are_given_once_and_only_when_they_are_whole(tmp_path: Path) -> None:
    tail = Tail(tmp_path / "lines")
    assert tail.new_lines() == b""
    tail.path.write_bytes(b"one\ntw")
    assert (tail.new_lines(), tail.new_lines()) == (b"one\n", b"")
    tail.path.write_bytes(b"one\ntwo\n")
    assert tail.new_lines() == b"two\n"


@pytest.mark.parametrize(
    ("asked", "folds", "nodes", "share"),
    [
        (
            "",
            5,
            [{"CPU": 1.0}, {"CPU": 32.0, "GPU": 4.0}, {"CPU": 8.0, "GPU": 2.0}],
            Share("cuda", 4, 1, 5),
        ),
        ("cpu", 2, [{"CPU": 32.0, "GPU": 4.0}], Share("cpu", 16, 0, 2)),
        ("", 1, [{"CPU": 2.0}, {"CPU": 8.0}], Share("cpu", 8, 0, 1)),
        ("", 7, [{}, {"CPU": 2.0}, {"CPU": 3.0}], Share("cpu", 1, 0, 5)),
        ("", 3, [], Share("cpu", 1, 0, 1)),
    ],
)
def test_folds_share_the_nodes(asked: str, folds: int, nodes: list[dict[str, float]], share: Share) -> None:
    assert share_of_node(asked, folds, nodes) == share


def test_device_of_a_run_on_a_cluster_is_not_one_of_this_machine(run: Run) -> None:
    assert devices_of(RunSettings("x", run.settings().recipe, device="cuda", on="ray")) == ()
    with pytest.raises(AudiotagError, match="no node of the cluster has a GPU"):
        share_of_node("cuda", 1, [{"CPU": 8.0}])
    with pytest.raises(AudiotagError, match="device must be cpu, cuda or empty for a run on a cluster, got 'cuda:1'"):
        check_device_on_cluster("cuda:1")


def test_settings_without_a_cluster_are_written_as_before_and_those_with_one_are_equal_to_them(run: Run) -> None:
    settings = run.settings()
    there = RunSettings(settings.dataset, settings.recipe, on="ray")
    assert "on" not in settings.to_dict()
    assert RunSettings.from_dict(json.loads(json.dumps(there.to_dict()))).on == "ray"
    assert there == settings


def node_ends(run: Run, settings: str | None = None, version: str = __version__) -> Ended:
    settings = (run.folder / "settings.json").read_text() if settings is None else settings
    return train_fold(str(run.folder), settings, version, 1, "fold-1", "cpu", 2)


def test_node_with_another_version_or_another_disk_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_node.socket, "gethostname", lambda: "n2")
    assert node_ends(run, version="0.0.1") == Ended(
        "n2", f"It has audiotag {__version__}, and the run was started with 0.0.1; install the same version there."
    )
    ended = node_ends(run, settings="{}")
    assert ended.reason is not None
    assert ended.reason.startswith(f"It does not see {run.folder}; set AUDIOTAG_HOME to a folder that all nodes share")


def test_node_starts_a_lane_that_writes_into_files_of_the_fold(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[list[str], dict[str, str]]] = []
    waits = iter([KeyboardInterrupt(), 0])  # cancelled by Ray, then ended

    class Lane:
        def __init__(self, command: list[str], env: dict[str, str], stdout: Any, **_: Any) -> None:
            started.append((command, env))
            assert stdout.name == str(run.fold_folder(1) / "log.txt")

        def wait(self) -> int:
            if isinstance(result := next(waits), BaseException):
                raise result
            return result

    monkeypatch.setattr(subprocess, "Popen", Lane)
    assert node_ends(run).reason is None
    ((command, env),) = started
    assert {"--lane=1", "--folds=1", "--device=cpu", f"--writes-to=fold-1/{EVENTS}"} <= set(command)
    assert (env["OMP_NUM_THREADS"], env["AUDIOTAG_HOME"]) == ("2", str(run.workspace.root))
