"""The worker of a run: ``python -m audiotag.training.worker RUN_FOLDER``, detached from the process that started it.

It resumes after the last epoch that is on disk, whatever ended the worker before it. On several devices, or on a
cluster, others train the folds, and it waits for them (`audiotag.training.lanes`, `audiotag.training.cluster_folds`).
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib.metadata
import logging
import os
import platform
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from audiotag import in_hand
from audiotag.audio.decoder_workers import HANGS, DecoderEndedError
from audiotag.audio.streaming import LongSound
from audiotag.cluster import connected
from audiotag.errors import AudiotagError, clip_problem, may_pass
from audiotag.jobs import end_with_parent
from audiotag.training.begun import note_begin, open_session
from audiotag.training.clips import KINDS
from audiotag.training.cluster_folds import ClusterFolds
from audiotag.training.cross_scores import next_barrier
from audiotag.training.device_queue import wait_for_device
from audiotag.training.devices import check_device
from audiotag.training.failures import reason_of
from audiotag.training.interruption import BEGIN, lane_notes, notes_path
from audiotag.training.lane_command import lane_reason_path
from audiotag.training.lanes import train_in_lanes, train_lane
from audiotag.training.pool_notes import pool_notes
from audiotag.training.preparation import PreparationWriter
from audiotag.training.run_progress import LEFT_OUT_FILE, fingerprint_of, left_out_of, left_out_reasons, plan_of
from audiotag.training.run_splits import report_run_splits
from audiotag.training.runs import EVENTS, SHARED_FOLD, Run
from audiotag.training.session import Session
from audiotag.training.stage import Stage
from audiotag.training.subsets import fingerprint
from audiotag.version import __version__
from audiotag.wording import printable
from audiotag.workspace import write_bytes

RESERVE = b"\0" * 2**16  # on a full disk, deleting this file makes room for the status that says so
LIBRARIES = ("torch", "fastai", "fastaudio", "numpy")
STDERR_FD = 2  # the log
NICENESS = 5  # pages that show the run stay responsive


def train_run_folder(run: Run, devices: tuple[str, ...] = ("cpu",), ray: Any = None) -> None:
    """Train the folds that are not finished yet, and write how the run ended.

    Before a stage that needs the scores of all folds, all of them are trained up to it.

    Parameters
    ----------
    run : Run
    devices : tuple[str, ...]
        The devices of this machine; each trains one fold at a time.
    ray : module, optional
        Ray, connected to the cluster whose nodes train the folds instead.
    """
    report = PreparationWriter(run.folder)
    run.mend_events()
    left_out = left_out_of(run.events())
    session = open_session(run, left_out, report)
    newly_left_out = {} if plan_of(run.events()) is None else unreadable_suspects(session)
    if newly_left_out:
        session = open_session(run, left_out | newly_left_out, report)
    session.check_clips()
    train: Callable[[Sequence[int]], bool]
    if ray is not None:
        cluster = ClusterFolds(run, session, ray)
        devices, train = cluster.devices, cluster.train
    elif len(devices) > 1:
        train = partial(train_in_lanes, run, session, devices=devices)
    else:
        report("Loading libraries")
        from audiotag.training.fold_training import train_folds

        train = partial(train_folds, run, session, device=devices[0])
    report("Writing the plan")
    write_plan(run, session, devices, newly_left_out)
    report.end()
    write_bytes(run.folder / ".reserve", RESERVE)
    is_complete = not session.has_shared_stages or train([SHARED_FOLD])
    while is_complete:
        barrier = next_barrier(run, session)
        is_complete = train(session.folds)
        if barrier is None:
            break
    run.write_status("finished" if is_complete else "stopped")


def unreadable_suspects(session: Session) -> dict[Path, str]:
    """Clips that were in hand when an earlier worker died and that cannot be read in isolation either; and why.

    A run that has begun leaves them out, although its other clips must be those that it began with: else it would die
    of them at each start.

    Raises
    ------
    AudiotagError
        If the system may be why one cannot be read: it would be left out for ever.
    """
    found = {}
    for subset in session.subsets:
        for clip, path in session.rows(subset)[["clip", "path"]].itertuples(index=False, name=None):
            if in_hand.is_suspect(path) and path not in session.left_out and path.is_file():
                try:
                    for _ in LongSound(path, name=clip).blocks():
                        pass
                except Exception as error:  # whatever is wrong with it
                    problem, cause = clip_problem(clip, error), error.__cause__
                    is_hang = isinstance(cause, DecoderEndedError) and cause.reason == HANGS  # for the second time
                    if may_pass(error) and not is_hang:
                        raise AudiotagError(f"{problem} Then resume the run.") from error
                    found[path] = problem
    return found


def write_plan(
    run: Run, session: Session, devices: tuple[str, ...], newly_left_out: dict[Path, str] | None = None
) -> None:
    """Write the event that says what the run will do, or that it is resumed.

    Parameters
    ----------
    run : Run
    session : Session
    devices : tuple[str, ...]
    newly_left_out : dict[Path, str], optional
        Clips that the run leaves out from now on, and why.

    Raises
    ------
    AudiotagError
        If the run began with other clips, labels or folds.
    """
    subsets = {name: session.clips(name) for name in session.subsets}
    problems = [*session.dataset_problems(), *(problem for subset in subsets.values() for problem in subset.problems)]
    negatives = session.negatives
    problems += [problem.reason for problem in negatives.problems] if negatives else []
    for problem in (*problems, *(newly_left_out or {}).values()):
        print(f"left out: {problem}", flush=True)
    clips_now = fingerprint(subsets, session.labels, negatives.clips if negatives else ())
    if plan_of(run.events()) is not None:
        if newly_left_out:
            named = {str(path): reason for path, reason in newly_left_out.items()}
            run.write_event("clips-left-out", clips=named, fingerprint=clips_now)
        elif (began_with := fingerprint_of(run.events())) and began_with != clips_now:
            raise AudiotagError(
                f"the clips or labels of {session.dataset.name} have changed since this run began; start a new run."
            )
        run.write_event("run-resumed")
        write_left_out(run)
        return
    splits = report_run_splits(session)
    if splits.leak:
        print(splits.leak, flush=True)
    if session.corrections:
        print(f"the labels of {len(session.corrections)} clips are corrected", flush=True)
    for sentence in pool_notes(session):
        print(sentence, flush=True)
    note_begin(run, session)
    run.write_event(
        "run-started",
        folds=session.folds,
        labels=session.labels,
        devices=devices,
        stages=[plan_stage(session, number, stage) for number, stage in session.stages],
        fingerprint=clips_now,
        left_out=problems,
        corrected=len(session.corrections),
        notes=pool_notes(session),
        splits=splits.lines(),
        versions=versions(),
    )
    write_left_out(run)


def plan_stage(session: Session, number: int, stage: Stage) -> dict[str, Any]:
    """What the event that begins a run says about a stage; clips are those of its first fold."""
    spectrogram, clips = session.recipe.spectrogram_of(stage), session.clips(stage.subset)
    fold = SHARED_FOLD if stage.shared else session.folds[0]
    train = session.fold_split(stage, fold).train
    held_out = len(clips.folds.held_out_rows(fold))
    plan: dict[str, Any] = {
        "stage": number,
        "subset": stage.subset,
        "epochs": stage.epochs,
        "stop_after": stage.stop_after,
        "clips": session.recipe.clips_per_epoch(stage, len(train.clips)) + held_out,
        "batches": session.recipe.batches_per_epoch(stage, len(train.clips)),
        "pixels": spectrogram.height * spectrogram.width,
        "shared": stage.shared,
    }
    if stage.pools:
        counts = {kind: int((train.kinds == KINDS.index(kind)).sum()) for kind in session.pools_of(stage)}
        shares = stage.pools.scaled({kind for kind, count in counts.items() if count})
        plan["subsets"] = session.subsets_of(stage)
        plan["pools"] = {kind: {"clips": counts[kind], "share": share} for kind, share in shares.items()}
    return plan


def versions() -> dict[str, str]:
    """Versions of audiotag and of the libraries that decide what a training gives."""
    found = {"audiotag": __version__, "Python": platform.python_version()}
    for library in LIBRARIES:
        with suppress(importlib.metadata.PackageNotFoundError):
            found[library] = importlib.metadata.version(library)
    return found


def write_left_out(run: Run) -> None:
    """Write why clips take no part in the run, one sentence per line, into its `LEFT_OUT_FILE`."""
    if reasons := left_out_reasons(run.events()):
        lines = (printable(reason) + "\n" for reason in reasons)
        write_bytes(run.folder / LEFT_OUT_FILE, "".join(lines).encode())


def main() -> None:
    """Train the run of the folder given; a failure is written there as a sentence, its traceback in the log."""
    parser = argparse.ArgumentParser(prog="audiotag.training.worker")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lane", type=int, default=0)
    parser.add_argument("--folds", default="")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--parent", type=int)
    parser.add_argument("--writes-to", default=EVENTS)
    options = parser.parse_args()
    run = Run(options.folder, options.writes_to)
    os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"  # the order of `devices`; torch is not imported yet
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    faulthandler.enable(STDERR_FD)
    logging.basicConfig()
    print(BEGIN.format(pid=os.getpid()), flush=True)
    try:
        if options.parent is not None:
            end_with_parent(options.parent)
            with in_hand.noting(notes_path(run.folder, options.lane), [notes_path(run.folder)], keep_suspects=True):
                folds = [int(fold) for fold in options.folds.split(",") if fold]
                train_lane(run, folds, options.device, psutil.Process(options.parent))
        else:
            with in_hand.noting(notes_path(run.folder), lane_notes(run.folder), keep_suspects=True):
                for path in lane_notes(run.folder):  # of lanes that died; all that they say is noted again
                    path.unlink(missing_ok=True)
                _train_in_its_place(run)
            if run.state() == "finished":
                for path in (notes_path(run.folder), *lane_notes(run.folder)):
                    path.unlink(missing_ok=True)
    except BaseException as error:
        if not isinstance(error, AudiotagError):
            traceback.print_exc()
        if options.parent is not None:
            write_bytes(lane_reason_path(run.folder, options.lane), reason_of(error).encode())
            sys.exit(1)
        _write_failure(run, reason_of(error))
        if not isinstance(error, AudiotagError):
            sys.exit(1)


def _train_in_its_place(run: Run) -> None:
    process = psutil.Process()
    run.write_process(process.pid, process.create_time())
    settings = run.settings()
    if settings.on:
        with connected(settings.on) as ray:
            train_run_folder(run, ray=ray)
        return
    devices = check_device(settings.device)
    with wait_for_device(run, devices) as is_ours:
        if is_ours:
            train_run_folder(run, devices)
        else:
            run.write_status("stopped")


def _write_failure(run: Run, reason: str) -> None:
    print(reason, flush=True)
    (run.folder / ".reserve").unlink(missing_ok=True)
    run.write_status("failed", reason)


if __name__ == "__main__":
    main()
