"""Ensembles that pages tag with, and what they score; kept until the files change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from audiotag.audio.header import Header, Sound, Source
from audiotag.errors import AudiotagError, clip_problem, may_pass
from audiotag.features.settings import SpectrogramSettings
from audiotag.tagging.card import CARD
from audiotag.tagging.settings import DEFAULT_OVERLAP
from audiotag.ui import sound_cache
from audiotag.ui.caching import cached, file_stamp

if TYPE_CHECKING:
    from audiotag.tagging.card import Card
    from audiotag.tagging.evidence import Evidence
    from audiotag.tagging.tagger import Tagger


def load_card(folder: Path) -> Card:
    """The card of the ensemble in a folder."""
    return _card(folder, file_stamp(folder / CARD))


def load_tagger(folder: Path, tta: bool = False, overlap: float = DEFAULT_OVERLAP, fast: bool = False) -> Tagger:
    """The ensemble in a folder, or its single network, loaded and warmed up, with or without test-time augmentation."""
    return _tagger(folder, tta, overlap, fast, file_stamp(folder / CARD))


def load_evidence(
    source: Source,
    name: str,
    content: str,
    folder: Path,
    tta: bool = False,
    overlap: float = DEFAULT_OVERLAP,
    fast: bool = False,
) -> Evidence:
    """Scores of a sound from every fold of an ensemble, or from its single network.

    Parameters
    ----------
    source : Path or bytes
    name : str
        Name of the sound in messages.
    content : str
        From `audiotag.ui.sound_cache.content_key`, so that the bytes need not be hashed again.
    folder : Path
        Folder of the ensemble.
    tta : bool
        Whether to use test-time augmentation.
    overlap : float
        Of neighbouring windows, 0 to 0.95 of a window.
    fast : bool
        Whether its single network scores instead of its folds.

    Raises
    ------
    AudiotagError
        If the sound cannot be read; the failure is cached too, unless it is the system's.
    """
    found = _evidence(source, name, content, folder, tta, overlap, fast, file_stamp(folder / CARD))
    if isinstance(found, str):
        raise AudiotagError(found)
    return found


@cached(max_entries=16, show_spinner=False)
def _card(folder: Path, stamp: tuple[int, ...]) -> Card:
    from audiotag.tagging.card_reading import read_card

    return read_card(folder)


@cached(max_entries=4, show_spinner="Loading the ensemble …")
def _tagger(folder: Path, tta: bool, overlap: float, fast: bool, stamp: tuple[int, ...]) -> Tagger:
    from audiotag.tagging.opening import open_tagger
    from audiotag.tagging.settings import TagSettings

    bar = st.empty()

    def progress(done: int, total: int) -> None:
        text = "The first time on this machine: looking for the fastest way to score"
        bar.progress(done / total, f"{text}, step {done + 1} of {total}")

    try:
        settings = TagSettings(tta=tta, overlap=overlap, fast=fast)
        tagger = open_tagger(folder, settings, progress=progress, keep_embeddings=True)
        tagger.evidence_of(_noise(tagger.card.spectrogram))
    finally:
        bar.empty()
    return tagger


def _noise(settings: SpectrogramSettings) -> Sound:
    """A sound that is scored once, so that the first real sound does not wait for what is prepared at first use."""
    waveform = np.random.default_rng(0).normal(scale=0.1, size=settings.clip_samples).astype(np.float32)
    header = Header(len(waveform), settings.sample_rate, 1, "WAV", "PCM_16")
    return Sound("noise", waveform, settings.sample_rate, header)


@cached(max_entries=512, show_spinner=False)
def _evidence(
    _source: Source,
    name: str,
    content: str,
    folder: Path,
    tta: bool,
    overlap: float,
    fast: bool,
    stamp: tuple[int, ...],
) -> Evidence | str:
    """The evidence, or the sentence that says why the sound cannot be read."""
    from audiotag.tagging.clip_inputs import MAX_WHOLE_CLIP_S

    tagger = load_tagger(folder, tta, overlap, fast)
    try:
        duration_s = sound_cache.load_header(_source, name, content).duration_s
        if duration_s > min(MAX_WHOLE_CLIP_S, sound_cache.MAX_PLAYED_S):
            return tagger.evidence(_source, name)
        sample_rate = tagger.card.spectrogram.sample_rate
        return tagger.evidence_of(sound_cache.load_part(_source, name, content, sample_rate))
    except Exception as error:  # whatever is wrong with a sound is that sound's problem
        if may_pass(error):
            raise AudiotagError(clip_problem(name, error), may_pass=True) from error
        return clip_problem(name, error)
