"""Train one fold of a run through its stages: checkpoint and event after each epoch, weights and scores at the end.

The order of writing makes every kill safe: a checkpoint is written before its epoch's event, and the files of a
finished fold before its last event.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import PurePath
from typing import Any

import numpy as np
from safetensors.numpy import save as save_arrays

from audiotag.data.index import cache_name
from audiotag.errors import AudiotagError
from audiotag.metrics import accuracy, lwlrap, lwlrap_per_class
from audiotag.state import read_json_state
from audiotag.training import checkpoints
from audiotag.training.backend.learner import FoldTrainer
from audiotag.training.best_epoch import rounded, save_weights, score_best_epoch
from audiotag.training.clips import Clip, LabelledClips
from audiotag.training.cross_scores import check_scores, choose_clips, has_scores, next_barrier, stages_asked
from audiotag.training.cross_scores import save_scores as save_noisy_scores
from audiotag.training.early_stop import soonest_end
from audiotag.training.held_out import file_names
from audiotag.training.noisy_selection import agreeing_rows
from audiotag.training.one_behind import OneBehind
from audiotag.training.packed_waveforms import PackedWaveforms, is_packed, pack_waveforms
from audiotag.training.preparation import PreparationWriter
from audiotag.training.progress import EpochResult, FoldSplit, TrainingCallbacks
from audiotag.training.runs import SHARED_FOLD, Run
from audiotag.training.session import Session
from audiotag.training.stage import Stage
from audiotag.training.teaching import RunTeachers
from audiotag.training.weights_choice import WEIGHTS
from audiotag.workspace import write_bytes, write_json


def train_folds(run: Run, session: Session, folds: Sequence[int], device: str) -> bool:
    """Train folds one by one, up to the next stage that needs the scores of all folds, or to their ends.

    Returns
    -------
    bool
        False if the training was stopped before that.
    """
    barrier = next_barrier(run, session)

    def must_stop() -> bool:
        run.mend_process()
        return run.is_stop_requested()

    return all(
        train_fold(run, session, fold, device, must_stop, None if fold == SHARED_FOLD else barrier) for fold in folds
    )


def train_fold(
    run: Run, session: Session, fold: int, device: str, must_stop: Callable[[], bool], until: int | None = None
) -> bool:
    """Train a fold from where an earlier worker left it.

    Parameters
    ----------
    run : Run
    session : Session
    fold : int
        A fold's number, or `SHARED_FOLD` for the stages that are trained once for all folds.
    device : str
        As torch names it.
    must_stop : callable
        Asked after each batch.
    until : int, optional
        The stage, numbered from 0, before which the fold waits for the others; by default it is trained to its end.

    Returns
    -------
    bool
        False if the training was stopped before that.

    Raises
    ------
    AudiotagError
        If the fold is past a stage whose scores of noisy clips others wait for, and their file is missing.
    """
    if _is_finished(run, fold):
        if fold != SHARED_FOLD:
            checkpoints.remove_checkpoints(run.fold_folder(fold))  # a kill may have left them
            return True
        if set(session.folds) <= set(run.finished_folds()) or _shared_checkpoint(run) is not None:
            return True
    if until is not None and has_scores(run, fold, stages_asked(session, until)):
        return True
    training = FoldTraining(run, session, fold, device, must_stop, until)
    training.begin_or_resume()
    if not training.train_stages():
        return False
    if until is None:
        training.finish()
    else:
        check_scores(run, fold, stages_asked(session, until))
        run.write_event("fold-waits", fold=fold, stage=until)
        run.clear_progress(fold)
    return True


class FoldTraining:
    """One fold in training; parameters as in `train_fold`."""

    def __init__(
        self,
        run: Run,
        session: Session,
        fold: int,
        device: str,
        must_stop: Callable[[], bool],
        until: int | None = None,
    ) -> None:
        self.run, self.session, self.fold, self.must_stop = run, session, fold, must_stop
        self.is_shared = fold == SHARED_FOLD
        self.folder = run.fold_folder(fold)
        self.stages = [(number, stage) for number, stage in session.stages if stage.shared == self.is_shared]
        self.trainer = FoldTrainer(session.recipe, session.labels, fold, device, packed_clips(run, session, device))
        if session.settings.teaching:
            networks = RunTeachers.open(
                run.folder, session.settings.teaching, fold, session.recipe, len(session.labels)
            )
            self.trainer.teachers = networks.on(device) if networks else None
        self.is_on_gpu = device.startswith("cuda")
        self.first_stage, self.epochs_done = self.stages[0][0], 0  # where the training resumes
        self.best_lwlrap = -1.0
        self.until = until

    def begin_or_resume(self) -> None:
        """Restore the last checkpoint; without one, start from the shared network or from fresh weights."""
        checkpoint = checkpoints.load_checkpoint(self.folder)
        if checkpoint is not None:
            self._resume(checkpoint)
            return
        self.run.write_event("fold-started", fold=self.fold)
        if self.is_shared or not self.session.has_shared_stages:
            return
        if (shared := _shared_checkpoint(self.run)) is None:
            raise AudiotagError(f"the shared network of run {self.run.name} is damaged; resume the run to train it.")
        self.trainer.restore(shared["state"])

    def _resume(self, checkpoint: dict[str, Any]) -> None:
        self.trainer.restore(checkpoint["state"])
        self.first_stage, self.epochs_done = checkpoint["stage"], checkpoint["epoch"]
        self.best_lwlrap = checkpoint["best"]
        written = {(e["fold"], e["stage"], e["epoch"]) for e in self.run.events() if e["event"] == "epoch"}
        if (self.fold, self.first_stage, self.epochs_done) not in written:  # killed between checkpoint and event
            self.run.write_event("epoch", **checkpoint["event"])
        print(f"fold {self.fold} resumes after epoch {self.epochs_done} of stage {self.first_stage + 1}", flush=True)

    def train_stages(self) -> bool:
        """Train the remaining stages, up to the one that waits; False if the training was stopped."""
        for number, stage in self.stages:
            if number < self.first_stage or (number == self.first_stage and self._is_scored(number, stage)):
                continue
            if number == self.until:
                break
            split = self.session.fold_split(stage, self.fold)
            if stage.agreed and "noisy" in self.session.subsets:
                split = replace(split, train=split.train + self._agreeing_clips(number, stage))
            if number in self.session.barriers:
                split = replace(split, train=split.train + self._clips_by_agreement(number, stage))
            if not self._train_stage(number, stage, split):
                return False
            if number in self.session.scored_stages and not has_scores(self.run, self.fold, {number}):
                noisy = self.session.clips("noisy").unseen(self.fold, is_shared=False)
                save_noisy_scores(self.folder, number, noisy, self.trainer.scores(noisy, stage))
        return True

    def _is_scored(self, number: int, stage: Stage) -> bool:
        """Whether the stage of the checkpoint is trained to its end, and the fold has scored its noisy clips since.

        There may be scores although epochs are missing, where the fold resumes from an earlier checkpoint.
        """
        is_over = self.epochs_done >= soonest_end(self.trainer.lwlraps, stage.epochs, stage.stop_after)
        return is_over and number in self.session.scored_stages and has_scores(self.run, self.fold, {number})

    def _train_stage(self, number: int, stage: Stage, split: FoldSplit) -> bool:
        def on_epoch(result: EpochResult, state: dict[str, Any]) -> None:
            self._write_epoch(number, stage, result, state)

        callbacks = TrainingCallbacks(on_epoch, _progress_writer(self.run, self.fold, number, stage), self.must_stop)
        epochs_done = self.epochs_done if number == self.first_stage else 0
        with OneBehind(self.is_on_gpu) as self.writer:
            is_complete = self.trainer.train(number, stage, split, callbacks, epochs_done)
        if not is_complete:
            self.run.clear_progress(self.fold)
        return is_complete

    def _write_epoch(self, number: int, stage: Stage, result: EpochResult, state: dict[str, Any]) -> None:
        event = {"fold": self.fold, "stage": number, "subset": stage.subset, **vars(result)}
        if number == self.stages[-1][0] and result.lwlrap > self.best_lwlrap:
            self.best_lwlrap = result.lwlrap
            save_weights(self.trainer, self.folder / WEIGHTS["best"], result.epoch)
        values = {"stage": number, "epoch": result.epoch, "best": self.best_lwlrap, "event": event, "state": state}
        self.writer.run(lambda: self._store_epoch(stage, result, values))

    def _store_epoch(self, stage: Stage, result: EpochResult, values: dict[str, Any]) -> None:
        # The checkpoint first: the training can then be resumed after every epoch that has an event.
        checkpoints.save_checkpoint(self.folder, values)
        self.run.write_event("epoch", **values["event"])
        print(
            f"fold {self.fold}, {stage.subset}, epoch {result.epoch}/{stage.epochs}: lwlrap {result.lwlrap:.4f}, "
            f"loss {result.train_loss:.4f} / {result.valid_loss:.4f}, "
            + (f"negatives tagged {result.negatives_tagged:.0%}, " if result.negatives_tagged is not None else "")
            + f"{result.seconds:.1f} s",
            flush=True,
        )

    def _agreeing_clips(self, number: int, stage: Stage) -> LabelledClips:
        """Noisy clips that the stage adds; selected when it begins and stored, so that a resumed stage has the same."""
        path = self.folder / f"agreed-{number + 1}.json"
        noisy = self.session.clips("noisy").train(self.fold)
        names = read_json_state(path, [str], None, "the network as it is now selects the noisy clips again")
        if names is None:
            rows = agreeing_rows(self.trainer.scores(noisy, stage), noisy.targets, stage.agreed)
            names = [noisy.clips[row].name for row in rows]
            write_json(path, names)
            self.run.write_event("agreed", fold=self.fold, stage=number, clips=len(names), of=len(noisy.clips))
            print(
                f"fold {self.fold}: the network agrees with the labels of {len(names)} of {len(noisy.clips)} noisy "
                "clips, which are added",
                flush=True,
            )
        chosen = set(names)
        return noisy.rows([row for row, clip in enumerate(noisy.clips) if _names_of(clip) & chosen])

    def _clips_by_agreement(self, number: int, stage: Stage) -> LabelledClips:
        """Noisy clips that the stage adds: those chosen by the networks of all folds, but not those it holds out."""
        noisy = self.session.clips("noisy").train(self.fold)
        chosen = choose_clips(self.run, self.session, number, stage)
        clips = noisy.rows([row for row, clip in enumerate(noisy.clips) if clip.name in chosen])
        said = [(event["fold"], event["stage"]) for event in self.run.events() if event["event"] == "agreed"]
        if (self.fold, number) not in said:
            self.run.write_event("agreed", fold=self.fold, stage=number, clips=len(clips.clips), of=len(noisy.clips))
        return clips

    def finish(self) -> None:
        """Score the held-out clips with the last weights and with the best ones, and write the fold's results."""
        last_stage = self.stages[-1][1]
        held_out = self.session.held_out(last_stage.subset, self.fold)
        scores = self.trainer.scores(held_out, last_stage)
        per_class, _ = lwlrap_per_class(held_out.targets, scores)
        best = None
        if not self.is_shared:
            best = score_best_epoch(self.trainer, self.folder, last_stage, held_out)
            self._save_other_subsets()
            self._save_scores(last_stage.subset, held_out, scores)
            save_weights(self.trainer, self.folder / WEIGHTS["last"])
        self.run.write_event(
            "shared-finished" if self.is_shared else "fold-finished",
            fold=self.fold,
            clips=len(held_out.clips),
            lwlrap=lwlrap(held_out.targets, scores),
            accuracy=accuracy(held_out.targets, scores),
            per_class=rounded(per_class),
            **({} if self.is_shared else {"best": best}),
        )
        self.run.clear_progress(self.fold)
        if not self.is_shared:  # the folds start from the shared checkpoint
            checkpoints.remove_checkpoints(self.folder)

    def _save_other_subsets(self) -> None:
        """Score the clips of earlier stages that the fold was not trained on, so that their labels can be reviewed."""
        last_stage = self.stages[-1][1]
        for subset in self.session.subsets:
            if subset != last_stage.subset:
                is_shared = any(stage.shared and stage.subset == subset for _, stage in self.session.stages)
                clips = self.session.clips(subset).unseen(self.fold, is_shared)
                if clips.clips:
                    self._save_scores(subset, clips, self.trainer.scores(clips, last_stage))

    def _save_scores(self, subset: str, clips: LabelledClips, scores: np.ndarray) -> None:
        scores_file, clips_file = file_names(subset, self.stages[-1][1].subset)
        write_json(self.folder / clips_file, [clip.name for clip in clips.clips])
        arrays = save_arrays({"scores": scores, "targets": clips.targets})
        write_bytes(self.folder / scores_file, arrays)


def packed_clips(run: Run, session: Session, device: str) -> PackedWaveforms | None:
    """The waveforms of all clips of a run, packed for a GPU; None where its crops are made in another way.

    While they are packed, `audiotag.training.preparation.read_preparing` of the run's folder says so.
    """
    settings = session.recipe.spectrogram
    if not is_packed(settings, device):
        return None
    clips = [clip for subset in session.subsets for clip in session.clips(subset).clips]
    clips += session.negatives.clips if session.negatives else []
    name = cache_name(session.dataset.root, session.dataset.name)
    report = PreparationWriter(run.folder)
    say = partial(print, flush=True)
    packed = pack_waveforms(clips, settings, session.workspace.root / "waveforms" / name, say, report)
    report.end()
    return packed


def _names_of(clip: Clip) -> set[str]:
    """The names by which a stored list may know a clip: earlier versions of audiotag stored the file's name alone."""
    return {clip.name, PurePath(clip.name).name}


def _shared_checkpoint(run: Run) -> dict[str, Any] | None:
    """The checkpoint that all folds start from: the last one, because another would give other folds."""
    return checkpoints.load_newest_checkpoint(run.fold_folder(SHARED_FOLD), "its last epochs are trained again")


def _is_finished(run: Run, fold: int) -> bool:
    last_event = "shared-finished" if fold == SHARED_FOLD else "fold-finished"
    return any(event["event"] == last_event and event["fold"] == fold for event in run.events())


def _progress_writer(run: Run, fold: int, number: int, stage: Stage) -> Callable[[int, int, int, float, bool], None]:
    """A callback that writes where in the epoch the fold is, and how long the epoch will still take."""
    start_times: dict[tuple[int, bool], float] = {}

    def on_batch(epoch: int, batch: int, batches: int, loss: float, is_measuring: bool) -> None:
        start = start_times.setdefault((epoch, is_measuring), time.monotonic())
        left_s = (time.monotonic() - start) / batch * (batches - batch)
        run.write_progress(
            fold, subset=stage.subset, stage=number, epoch=epoch, epochs=stage.epochs, batch=batch, batches=batches,
            loss=loss, phase="measuring" if is_measuring else "training", seconds_left_in_epoch=round(left_s, 1),
        )  # fmt: skip

    return on_batch
