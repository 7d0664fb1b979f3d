"""The calls of the public API that join parts of the package: tag or embed a sound, train, blend, export, compare runs.

They are thin: the commands of the same names and the pages call the same `Tagger`, `train_and_wait` and `compare_runs`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from audiotag.tagging.blend_card import BlendCombine
    from audiotag.tagging.explanation import LabelExplanation
    from audiotag.tagging.result import Tags
    from audiotag.tagging.settings import TagSettings
    from audiotag.tagging.standalone.files import ExportedTagger
    from audiotag.tagging.tagger import Tagger
    from audiotag.training.comparison import Comparison
    from audiotag.training.runs import FoldSource, Run, Together
    from audiotag.training.true_labels import Truth

MAX_TAGGERS = 4  # ensembles that `tag` and `embed` keep in memory


def tag(
    source: str | Path | bytes | np.ndarray, ensemble: str | Path = "starter", sample_rate: int | None = None
) -> Tags:
    """Tag one sound; the ensemble stays in memory for the next call.

    Parameters
    ----------
    source : str, Path, bytes or numpy.ndarray
        The path or address of a sound file, the bytes of one, or a waveform of shape ``(samples,)`` or
        ``(channels, samples)``, floats in [-1, 1].
    ensemble : str or Path
        Name of a shipped ensemble or of one in the workspace, or an ensemble's folder.
    sample_rate : int, optional
        Sample rate of a waveform in Hz.

    Returns
    -------
    Tags
        ``tags`` are the labels that reach their thresholds, ``ranking`` all labels, the most likely first.

    Raises
    ------
    AudiotagError
        If there is no such ensemble, or the source is not a sound.

    See Also
    --------
    open_tagger : for many sounds, and for other ways of combining folds and windows.
    """
    from audiotag.tagging.ensemble import find_ensemble

    return _tagger(*_stamped(find_ensemble(ensemble))).tag(source, sample_rate=sample_rate)


def explain(
    source: str | Path | bytes | np.ndarray,
    label: str | None = None,
    ensemble: str | Path = "starter",
    sample_rate: int | None = None,
    *,
    at_s: float | None = None,
    share: float | None = None,
) -> LabelExplanation:
    """Find which part of a sound the ensemble used for a label; the ensemble stays in memory for the next call.

    Parameters
    ----------
    source, ensemble, sample_rate
        As for `tag`.
    label : str, optional
        By default the label that scores highest.
    at_s : float, optional
        A time in the window to explain, in seconds; by default the window in which the label scores highest.
    share : float, optional
        Share of time and frequency that is heard, above 0 to 1; by default what explains the label best.

    Returns
    -------
    LabelExplanation
        ``map`` says how much each time and frequency matters; ``part`` has the waveforms with only what matters most
        (``part.only``) and without it (``part.without``), and the label's scores for both.

    Raises
    ------
    AudiotagError
        As for `tag`; also if the ensemble does not have the label, or the time is not in the sound.
    """
    from audiotag.tagging.ensemble import find_ensemble
    from audiotag.tagging.explanation import explain_sound

    return explain_sound(_tagger(*_stamped(find_ensemble(ensemble))), source, label, at_s, share, sample_rate)


def embed(
    source: str | Path | bytes | np.ndarray, ensemble: str | Path = "starter", sample_rate: int | None = None
) -> np.ndarray:
    """The embedding of one sound; the ensemble stays in memory for the next call.

    Parameters
    ----------
    source, ensemble, sample_rate
        As for `tag`.

    Returns
    -------
    numpy.ndarray, shape=(dimensions,), float32
        Of length 1, so the dot product of two embeddings is their similarity, at most 1; zeros for silence.

    Raises
    ------
    AudiotagError
        As for `tag`; also if the networks of the ensemble have no embeddings.

    See Also
    --------
    audiotag.similarity.vectors : how the embeddings of folds and windows become one vector.
    """
    from audiotag.similarity.embedding import check_embeddings
    from audiotag.similarity.vectors import clip_vector
    from audiotag.tagging.ensemble import find_ensemble

    tagger = _tagger(*_stamped(find_ensemble(ensemble)), keep_embeddings=True)
    check_embeddings(tagger)
    embeddings = tagger.tag(source, sample_rate=sample_rate).embeddings
    assert embeddings is not None  # the networks have some
    return clip_vector(embeddings)


def train(
    dataset: str | Path,
    recipe: str = "default",
    *,
    preset: str = "",
    folds: tuple[int, ...] = (),
    epochs: tuple[int, ...] = (),
    learning_rate: float | None = None,
    seed: int | None = None,
    held_out: int | None = None,
    folds_from: FoldSource = "dataset",
    corrected: bool | None = None,
    keep_together: tuple[Together, ...] | None = None,
    device: str = "",
    on: str = "",
    publish: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> Run:
    """Train folds in a process of its own, and wait until they are finished.

    Parameters
    ----------
    dataset : str or Path
        A folder, or a table of clips; see `open_dataset`.
    recipe : str
        Name of a shipped recipe, or the path of a TOML file.
    preset : str
        Name of spectrogram settings that replace the recipe's.
    folds : tuple of int
        The folds to train; all, if empty.
    epochs : tuple of int
        One number for all stages, or one per stage; the recipe's, if empty.
    learning_rate : float, optional
        Highest learning rate of the last stage that leaves out no augmentation, above 0 to 1; the other stages keep
        their ratio to it.
    seed : int, optional
        Seed of folds, weights, order, crops and augmentation.
    held_out : int, optional
        One of the dataset's own folds that takes no part, for testing.
    folds_from : "dataset" or "recipe"
        Use the dataset's own folds if it has any, or folds that the recipe draws; these keep recordings and copies of a
        sound together.
    corrected : bool, optional
        Whether to use the labels as reviewers corrected them; by default if there are verdicts on the dataset.
    keep_together : tuple of "names" or "near-duplicates", optional
        What folds that the recipe draws keep together beside recordings and copies: clips whose names look as if they
        were of one recording, near-duplicates, or both; by default near-duplicates, if some are known.
    device : str
        "cpu", "cuda", "cuda:1", "mps", or several separated by commas; the best there is, if empty.
    on : str
        The Ray cluster whose nodes train the folds, "ray" or its address; this machine, if empty.
    publish : str
        Name of an ensemble to make of the run.
    progress : callable(done, total), optional
        Called as epochs of all folds are done.

    Returns
    -------
    Run
        The finished run; ``run.folder`` holds weights, curves and out-of-fold scores.

    Raises
    ------
    AudiotagError
        If an argument does not fit, or the run fails or is stopped. A run that was interrupted stays in the workspace:
        ``audiotag train --resume NAME`` resumes it.
    """
    from audiotag.data.layouts import absolute
    from audiotag.data.remote_folders import localise
    from audiotag.training.run_blocking import train_and_wait
    from audiotag.training.run_options import RunOptions
    from audiotag.workspace import Workspace

    options = RunOptions(
        dataset=str(absolute(localise(dataset))),
        recipe=recipe,
        preset=preset,
        folds=tuple(folds),
        epochs=tuple(epochs),
        learning_rate=learning_rate,
        seed=seed,
        held_out=held_out,
        folds_from=folds_from,
        corrected=corrected,
        keep_together=keep_together,
        device=device,
        on=on,
    )
    return train_and_wait(options, Workspace(), publish, progress)


def blend(
    members: Sequence[str | Path],
    name: str,
    *,
    combine: BlendCombine = "geometric",
    weights: tuple[float, ...] = (),
    stack: bool = False,
    dataset: str | Path | None = None,
) -> Path:
    """Make an ensemble of ensembles in the workspace.

    Parameters
    ----------
    members : sequence of str or Path
        Names or folders of at least two ensembles with the same labels.
    name : str
        Letters, digits, ``-`` and ``_``.
    combine : "geometric" or "mean"
        How the scores of the members are combined.
    weights : tuple of float
        One per member, and with ``stack`` also one per stacker; all 1, if empty.
    stack : bool
        Whether to fit the three published stackers to the members' out-of-fold scores as well; this needs members with
        the same folds.
    dataset : str or Path, optional
        What the members were trained on; needed for stackers, and for out-of-fold figures of members whose recipes
        relabel or leave out different clips.

    Returns
    -------
    Path
        The folder of the blend, which `open_tagger` opens, by its name as well.

    Raises
    ------
    AudiotagError
        If the members cannot be blended, see `audiotag.blending.blend.make_blend`.
    """
    from audiotag.blending.blend import make_blend
    from audiotag.blending.settings import PUBLISHED_STACKERS, BlendSettings
    from audiotag.data.layouts import absolute
    from audiotag.data.remote_folders import localise
    from audiotag.tagging.ensemble import find_ensemble
    from audiotag.workspace import Workspace

    settings = BlendSettings(
        name=name,
        members=tuple(map(find_ensemble, members)),
        combine=combine,
        weights=tuple(weights),
        stackers=PUBLISHED_STACKERS if stack else (),
    )
    return make_blend(settings, Workspace().ensembles, None if dataset is None else absolute(localise(dataset)))


def export_tagger(
    ensemble: str | Path, out: str | Path = "tagger.onnx", settings: TagSettings | None = None
) -> ExportedTagger:
    """Write an ensemble as a tagger that needs no audiotag: an ONNX file, and beside it ``tag.py`` and ``index.html``.

    Parameters
    ----------
    ensemble : str or Path
        Name of a shipped ensemble or of one in the workspace, or an ensemble's folder.
    out : str or Path
        The ONNX file, from waveform to scores; `audiotag.tagging.standalone.files` says what is in it.
    settings : TagSettings, optional
        How the scores of folds and windows are combined.

    Returns
    -------
    ExportedTagger
        The paths ``model``, ``script`` and ``page``.

    Raises
    ------
    AudiotagError
        If there is no such ensemble, or it cannot be exported with these settings, or a file would be overwritten that
        was not exported.
    """
    from audiotag.tagging.standalone import files

    return files.export_tagger(ensemble, out, settings)


def compare(first: str | Run, second: str | Run, truth: Truth = "corrected") -> Comparison:
    """Compare two runs on the clips that both held out.

    Parameters
    ----------
    first, second : str or Run
        Runs of one dataset, or their names.
    truth : "corrected" or "tables"
        Measure both on the labels as reviewers corrected them, or on those in the dataset's tables.

    Returns
    -------
    Comparison
        ``sentence`` says whether the second run is better, worse or cannot be told apart; ``lwlrap``, ``folds`` and
        ``labels`` have the differences with their intervals.

    Raises
    ------
    AudiotagError
        If there is no such run, or the two cannot be compared.
    """
    from audiotag.training.comparison import compare_runs
    from audiotag.training.runs import find_run
    from audiotag.workspace import Workspace

    workspace = Workspace()
    first = find_run(workspace, first) if isinstance(first, str) else first
    second = find_run(workspace, second) if isinstance(second, str) else second
    return compare_runs(first, second, workspace, truth)


def _stamped(ensemble: Path) -> tuple[Path, int]:
    """The absolute path of an ensemble, and when its card was changed last."""
    from audiotag.tagging.card import CARD

    folder = ensemble.absolute()
    card = folder / CARD
    return folder, card.stat().st_mtime_ns if card.is_file() else 0


@lru_cache(maxsize=MAX_TAGGERS)
def _tagger(folder: Path, changed_ns: int, keep_embeddings: bool = False) -> Tagger:
    """The tagger of an ensemble, opened again when its card has changed."""
    from audiotag.tagging.opening import open_tagger
    from audiotag.tagging.settings import MEASURED

    return open_tagger(folder, MEASURED if keep_embeddings else None, keep_embeddings=keep_embeddings)
