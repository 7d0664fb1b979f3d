"""Train the folds of a run on the nodes of a Ray cluster, one task per fold.

The worker of the run stays on this machine. It hands each fold to Ray, which starts it on a node that has a free GPU,
or free CPUs; the node trains it in a lane (`audiotag.training.cluster_node`). A fold whose node is lost is handed out
again, and goes on after its last epoch, because its checkpoints are in the run's folder, which all nodes see.

Events and output of a fold are written to files of its own, ``fold-1/events.jsonl`` and ``fold-1/log.txt``. The worker
takes them over into those of the run, so that one process alone appends to them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from audiotag.errors import AudiotagError
from audiotag.training.cluster_node import Ended, train_fold
from audiotag.training.cross_scores import next_barrier
from audiotag.training.devices import check_device_on_cluster
from audiotag.training.interruption import how_it_died
from audiotag.training.lanes import are_trained, forget_reasons
from audiotag.training.runs import EVENTS, LOG, SHARED_FOLD, Run
from audiotag.training.session import Session
from audiotag.version import __version__

POLL_S = 0.5
MAX_LOSSES = 3  # of a fold's node in a row, without an epoch in between
BEGIN_S = 5.0  # where Ray has not started a fold for longer than this, the run waits for a free node


class Share(NamedTuple):
    """What each fold gets of a node, and how many folds are trained at once."""

    device: str
    cpus: int
    gpus: int
    at_once: int


def share_of_node(asked: str, folds: int, nodes: Sequence[dict[str, float]]) -> Share:
    """What each fold gets of a node: one GPU with its share of the CPUs, or as many CPUs as let all folds run at once.

    Parameters
    ----------
    asked : str
        "cuda", "cpu", or empty for GPUs if a node has some.
    folds : int
        How many folds there are to train.
    nodes : sequence of dict
        The resources of each node, as Ray names them.

    Raises
    ------
    AudiotagError
        If GPUs are asked for, and no node has one.

    Examples
    --------
    >>> share_of_node("", 5, [{"CPU": 2}, {"CPU": 96, "GPU": 8}])
    Share(device='cuda', cpus=12, gpus=1, at_once=5)
    >>> share_of_node("cpu", 5, [{"CPU": 16}, {"CPU": 16}])
    Share(device='cpu', cpus=5, gpus=0, at_once=5)
    >>> share_of_node("", 5, [{}, {"CPU": 1}, {"CPU": 1}])
    Share(device='cpu', cpus=1, gpus=0, at_once=2)
    """
    with_gpus = [node for node in nodes if node.get("GPU", 0) >= 1]
    if asked == "cuda" and not with_gpus:
        raise AudiotagError("no node of the cluster has a GPU; start one, or train with --device cpu.")
    if with_gpus and asked != "cpu":
        cpus = max(1, int(min(node.get("CPU", 0) / node["GPU"] for node in with_gpus)))
        return Share("cuda", cpus, 1, min(folds, sum(int(node["GPU"]) for node in with_gpus)))
    counts = [int(node.get("CPU", 0)) for node in nodes]

    def folds_that_fit(cpus: int) -> int:
        return sum(count // cpus for count in counts)

    most = max([1, *counts])
    cpus = next((cpus for cpus in range(most, 1, -1) if folds_that_fit(cpus) >= folds), 1)
    return Share("cpu", cpus, 0, max(1, min(folds, folds_that_fit(cpus))))


class ClusterFolds:
    """The folds of a run on the nodes of a cluster.

    Parameters
    ----------
    run : Run
    session : Session
    ray : module
        Ray, connected.

    Attributes
    ----------
    devices : tuple[str, ...]
        One per fold that is trained at once.
    """

    def __init__(self, run: Run, session: Session, ray: Any) -> None:
        self.run, self.session, self.ray = run, session, ray
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        asked = check_device_on_cluster(session.settings.device)
        self.share = share_of_node(asked, len(session.folds), nodes)
        self.devices = (self.share.device,) * self.share.at_once

    def train(self, folds: Sequence[int]) -> bool:
        """Train folds up to the next stage that needs the scores of all, or to their end; False if it was stopped.

        Raises
        ------
        AudiotagError
            If a fold failed, once no other is in training; gives its reason.
        """
        barrier = next_barrier(self.run, self.session)
        forget_reasons(self.run)
        finished = set(self.run.finished_folds())
        tasks = {fold: FoldTask(self.run, self.ray, self.share, fold) for fold in folds if fold not in finished}
        since, is_waiting = time.monotonic(), False
        while any(task.is_active for task in tasks.values()):
            self.ray.wait([task.ref for task in tasks.values() if task.is_active], timeout=POLL_S)
            self.run.mend_process()
            for task in tasks.values():
                task.look(self.run.is_stop_requested())
            active = [task for task in tasks.values() if task.is_active]
            has_begun = not active or any(task.has_begun for task in active)
            must_wait = not has_begun and time.monotonic() - since > BEGIN_S
            if must_wait != is_waiting:
                is_waiting = must_wait
                me = psutil.Process()
                self.run.write_process(me.pid, me.create_time(), time.time() if is_waiting else None)
        for fold in tasks:
            self.run.clear_progress(fold)
        if failure := next((task.failure for task in tasks.values() if task.failure), ""):
            raise AudiotagError(failure)
        return are_trained(self.run, self.session, folds, barrier)


class FoldTask:
    """A fold as a task of Ray, started anew where its node was lost.

    Attributes
    ----------
    ref : ObjectRef
        Of Ray's task.
    is_active : bool
        Whether it runs, or waits for a node.
    failure : str
        Why the fold could not be trained, as a sentence; empty otherwise.
    """

    def __init__(self, run: Run, ray: Any, share: Share, fold: int) -> None:
        self.run, self.ray, self.share, self.fold = run, ray, share, fold
        self.failure, self.losses, self.is_cancelled, self.is_active = "", 0, False, True
        self.events = Tail(run.fold_folder(fold) / EVENTS)
        self.log = Tail(run.fold_folder(fold) / LOG)
        self._take_over_leftovers()
        self._start()

    @property
    def has_begun(self) -> bool:
        """Whether a node has begun to train it."""
        return self.log.position > 0

    def look(self, must_stop: bool) -> None:
        """Take over what the fold has written since, and see whether its task has ended."""
        if not self.is_active:
            return
        is_done = bool(self.ray.wait([self.ref], timeout=0)[0])  # asked first: what it wrote last is then there
        self._take_over()
        if is_done:
            self.is_active = self._is_started_again()
        elif must_stop and not self.is_cancelled and not self.has_begun:
            self.ray.cancel(self.ref)
            self.is_cancelled = True

    def _start(self) -> None:
        settings = (self.run.folder / "settings.json").read_text(encoding="utf-8")
        folder, own, share = self.run.folder.absolute(), self.run.fold_folder(self.fold).name, self.share
        # Ray's own retries would not see whether the fold gets on.
        task = self.ray.remote(num_cpus=share.cpus, num_gpus=share.gpus, max_retries=0, scheduling_strategy="SPREAD")(
            train_fold
        )
        self.ref = task.remote(str(folder), settings, __version__, self.fold, own, share.device, share.cpus)

    def _is_started_again(self) -> bool:
        """See how the task has ended; whether it was started again because its node was lost."""
        exceptions, lost = self.ray.exceptions, None
        try:
            ended: Ended = self.ray.get(self.ref)
        except exceptions.TaskCancelledError:
            pass
        except exceptions.RayTaskError as error:
            self.failure = _why_not_started(error)
        except exceptions.RayError as error:
            lost = error
        else:
            if ended.reason is not None:
                reason = ended.reason or f"Its process ended without giving a reason. {how_it_died(self.run.folder)}"
                self.failure = f"{_name(self.fold)} failed on node {ended.node}. {reason}"
        self.events.forget()
        self.log.forget()
        return lost is not None and self._start_again(lost)

    def _start_again(self, error: Exception) -> bool:
        self.losses += 1
        if self.losses > MAX_LOSSES:
            memory = isinstance(error, self.ray.exceptions.OutOfMemoryError)
            cause = "memory ran out there; use a smaller batch_size" if memory else "look at the nodes' logs"
            self.failure = f"{_name(self.fold)} lost its node {self.losses} times without an epoch in between: {cause}."
        elif not self.run.is_stop_requested():
            print(f"{_name(self.fold)}: its node was lost ({type(error).__name__}); it goes on on another", flush=True)
            self._start()
            return True
        return False

    def _take_over(self) -> None:
        if lines := self.events.new_lines():
            self.run.append_events(lines)
            self.losses = 0 if b'"event": "epoch"' in lines else self.losses
        if output := self.log.new_lines():
            print(output.decode("utf-8", "replace"), end="", flush=True)

    def _take_over_leftovers(self) -> None:
        """Take over what the fold wrote under an earlier worker that ended before it took that over."""
        own = self.run.folder / EVENTS
        known = set(own.read_bytes().splitlines(keepends=True)) if own.exists() else set()
        lines = self.events.new_lines().splitlines(keepends=True)
        if left := b"".join(line for line in lines if line not in known):
            self.run.append_events(left)
        self.events.forget()
        self.log.forget()


@dataclass
class Tail:
    """The whole lines that are appended to a file, each given once."""

    path: Path
    position: int = 0

    def new_lines(self) -> bytes:
        """The lines since the last call."""
        try:
            with self.path.open("rb") as file:
                file.seek(self.position)
                content = file.read()
        except FileNotFoundError:
            return b""
        lines = content[: content.rfind(b"\n") + 1]
        self.position += len(lines)
        return lines

    def forget(self) -> None:
        """Remove the file, with an incomplete last line that a kill left."""
        self.path.unlink(missing_ok=True)
        self.position = 0


def _name(fold: int) -> str:
    return "The shared network" if fold == SHARED_FOLD else f"Fold {fold}"


def _why_not_started(error: Exception) -> str:
    text = str(error)
    if "audiotag" in text and ("No module named" in text or "failed to import" in text):
        return "a node of the cluster has no audiotag; install the same version there, with the extras ray and train."
    raise error
