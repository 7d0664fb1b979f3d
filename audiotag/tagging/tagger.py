"""Tag a clip with an ensemble of folds: network inputs, scores of each fold and window, tags."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np

from audiotag.audio.header import Sound, Source
from audiotag.audio.opening import source_name
from audiotag.checks import require
from audiotag.errors import AudiotagError, clip_guard
from audiotag.tagging.card import Card, select_folds
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.clip_inputs import ClipInputs, InputMaker
from audiotag.tagging.engine_comparison import Progress
from audiotag.tagging.engine_selection import Say, select_engine
from audiotag.tagging.engines import Outputs
from audiotag.tagging.ensemble import find_ensemble
from audiotag.tagging.evidence import Evidence
from audiotag.tagging.familiar import read_familiar
from audiotag.tagging.familiar_tags import with_familiarity
from audiotag.tagging.fold_fusion import clip_tags
from audiotag.tagging.fold_networks import FoldNetworks
from audiotag.tagging.known_clips import read_known_clips, voting_note
from audiotag.tagging.moments import with_moments
from audiotag.tagging.out_of_fold import read_out_of_fold
from audiotag.tagging.result import SINGLE_NETWORK, Tags
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.single_network import as_single_card
from audiotag.tagging.tagger_checks import check_thresholds, require_familiar, require_weights
from audiotag.tagging.waveform_source import FILE_TYPES, Taggable, readable_source
from audiotag.trust.temperature import fit_temperature

TRAINED_NOTE = (
    "The single network was trained on this clip: its scores are higher than those of a clip that is new to it."
)


class Tagger:
    """An ensemble in memory, ready to tag; `audiotag.tagging.opening.open_tagger` also opens blends of ensembles.

    Parameters
    ----------
    ensemble : str or Path
        Name of a shipped ensemble or of one in the workspace, or the folder of an ensemble.
    settings : TagSettings, optional
    thresholds : tuple[float, ...], optional
        One per label, in the order of the card, 0 to 1; by default the card's.
    say : callable, optional
        Gets a sentence for the user where opening takes long: the first time on a machine.
    progress : callable, optional
        Gets (steps done, steps in total) meanwhile.
    keep_embeddings : bool
        Whether evidence and tags have the embeddings of the windows; they cost no time, but memory.
    fast : bool
        Tag with the ensemble's single network, as ``TagSettings(fast=True)``.

    Attributes
    ----------
    card : Card
        With the single network as its only fold where that is used.
    settings : TagSettings
    thresholds : tuple[float, ...]
    out_of_fold : OutOfFold or None
        Scores of the training clips by the fold that each was held out of.
    known_clips : KnownClips or None
        Which folds were trained on which clips; for such a clip only the other folds vote.
    familiar : Familiar or None
        What its training sounds are like; None where that is not measured.
    engine_name : str
        What runs the networks, see `audiotag.tagging.engines`.
    networks : FoldNetworks

    Raises
    ------
    AudiotagError
        If there is no such ensemble, it is a blend or incomplete, it lacks a fold that the settings name or a single
        network, or it has no out-of-fold scores to fit weights to; if the settings hold back tags and it does not know
        its training sounds.

    Examples
    --------
    >>> tagger = Tagger("starter")  # doctest: +SKIP
    >>> [tag.label for tag in tagger.tag("clip.wav").tags]  # doctest: +SKIP
    ['Bell']
    """

    def __init__(
        self,
        ensemble: str | Path,
        settings: TagSettings | None = None,
        thresholds: tuple[float, ...] | None = None,
        say: Say = lambda sentence: None,
        progress: Progress = lambda done, total: None,
        keep_embeddings: bool = False,
        fast: bool = False,
    ) -> None:
        self.keep_embeddings = keep_embeddings
        folder = find_ensemble(ensemble)
        self.card: Card = read_card(folder)
        if self.card.blend is not None:
            raise AudiotagError(
                f"{self.card.name} is a blend, and this needs an ensemble of one network, such as "
                f"{self.card.blend.members[0].name}; in Python, audiotag.open_tagger opens a blend."
            )
        settings = (settings or TagSettings()).or_overlap(self.card.overlap)
        self.settings = replace(settings, fast=True) if fast else settings
        self.known_clips = read_known_clips(folder, self.card)
        if self.settings.fast:
            self.card = as_single_card(self.card)
            self.known_clips = self.known_clips and self.known_clips.of_single()
        self._folds = select_folds(self.card, self.settings.folds)
        self.thresholds = self.card.thresholds if thresholds is None else check_thresholds(thresholds, self.card)
        self.out_of_fold = read_out_of_fold(folder, self.card)
        self.familiar = read_familiar(folder, self.card)
        require_weights(self.settings, self.card, self.can_weight)
        self._temperature_for(self.settings)
        self._check_familiar(self.settings)
        self.input_maker = InputMaker(self.card, self.settings)
        self.engine_name, engine = select_engine(folder, self.card, self.settings.folds, say, progress)
        uses_embeddings = keep_embeddings or self.familiar is not None
        self.networks = FoldNetworks(self.card, len(self._folds), engine, uses_embeddings)

    @property
    def parts(self) -> tuple[Tagger, ...]:
        """The taggers that score a sound, each with network inputs of its own: this one, or the members of a blend."""
        return (self,)

    def join_parts(self, evidence: Sequence[Evidence]) -> Evidence:
        """The evidence of a sound from that of each of `parts`."""
        return evidence[0]

    @property
    def features(self) -> int:
        """Number of features in an embedding of one fold; 0 if they are not used, or its networks have none."""
        return self.networks.features

    @property
    def can_weight(self) -> bool:
        """Whether its folds can be combined by "weighted": it needs out-of-fold scores to fit weights to."""
        return self.out_of_fold is not None

    @cached_property
    def weights(self) -> np.ndarray | None:
        """Scale and shift of the logits of each chosen fold, shape ``(folds, 2)``.

        See `audiotag.tagging.fold_fusion.fit_weights`; None where the ensemble has no out-of-fold scores to fit
        them to.
        """
        if self.out_of_fold is None:
            return None
        ascending = sorted(fold.fold for fold in self.card.folds)
        return self.out_of_fold.weights()[[ascending.index(fold.fold) for fold in self._folds]]

    @cached_property
    def temperature(self) -> float | None:
        """The temperature of the card, or one fitted to the out-of-fold scores; None where there is neither."""
        if self.card.calibration is not None:
            return self.card.calibration.temperature
        return fit_temperature(self.out_of_fold.scores, self.out_of_fold.targets) if self.out_of_fold else None

    def tag(self, source: Taggable, name: str | None = None, sample_rate: int | None = None) -> Tags:
        """Tag a sound file or a waveform.

        Parameters
        ----------
        source : str, Path, bytes or numpy.ndarray
            A path, the bytes of a sound file, or a waveform: floating point, finite, full scale at ±1, of shape
            (samples,) or (channels, samples). Channels are mixed to mono by their mean; the sound is resampled to the
            ensemble's rate.
        name : str, optional
            What messages and the result call the sound; by default the file name.
        sample_rate : int, optional
            Sample rate of a waveform in Hz; not for a file, which states its own.

        Raises
        ------
        AudiotagError
            If the sound cannot be read, see `audiotag.audio.reading.read_sound`, or the waveform cannot be used, see
            `audiotag.tagging.waveform_source.readable_source`.
        """
        return self.tags_of(self.evidence(source, name, sample_rate))

    def tag_sound(self, sound: Sound) -> Tags:
        """Tag a decoded sound, which must have the card's sample rate."""
        return self.tags_of(self.evidence_of(sound))

    def tags_of(
        self, evidence: Evidence, settings: TagSettings | None = None, thresholds: tuple[float, ...] | None = None
    ) -> Tags:
        """Combine evidence into tags, without running a network.

        Where windows overlap by three quarters or more, the timeline has moments, see `audiotag.tagging.moments`.

        Parameters
        ----------
        evidence : Evidence
        settings : TagSettings, optional
            By default the tagger's. Of others, ``combine``, ``windows``, ``tta``, ``calibrated`` and ``hold_back``
            count: another overlap or other folds need other evidence.
        thresholds : tuple[float, ...], optional
            By default the tagger's.

        Raises
        ------
        AudiotagError
            If the settings need weights, a temperature, passes of test-time augmentation, or knowledge of the training
            sounds, that are not there.
        """
        return with_moments(self.window_tags_of(evidence, settings, thresholds))

    def window_tags_of(
        self, evidence: Evidence, settings: TagSettings | None = None, thresholds: tuple[float, ...] | None = None
    ) -> Tags:
        """As `tags_of`, with a timeline of windows, however much they overlap."""
        settings = settings or self.settings
        thresholds = self.thresholds if thresholds is None else check_thresholds(thresholds, self.card)
        require_weights(settings, self.card, self.can_weight)
        self._check_familiar(settings)
        windows = settings.windows or self.card.windows
        if not settings.tta:
            evidence = replace(evidence, augmented=None)
        elif evidence.augmented is None:
            raise AudiotagError(
                f"{evidence.name} was scored without test-time augmentation; score it again with tta on."
            )
        weights = self.weights if settings.combine == "weighted" else None  # fitted when they are first needed
        trained, embeddings = self.trained_folds(evidence), evidence.embeddings
        folds = tuple(fold.fold for fold in self._folds)
        voting = tuple(fold for fold, is_trained in zip(folds, trained, strict=True) if not is_trained) or folds
        if trained.any() and not trained.all():
            evidence = evidence.votes(~trained)
            weights = None if weights is None else weights[~trained]
        evidence = replace(evidence, notes=(*evidence.notes, *self.voting_notes(trained)))
        temperature = self._temperature_for(settings)
        overlap = max(
            settings.overlap_share, self.settings.overlap_share
        )  # either may be the one that the evidence has
        if settings.window_rule or self.settings.window_rule:  # a published system's windows all count
            overlap = 0.0
        tags = clip_tags(
            evidence, self.card.labels, thresholds, windows, settings.combine, weights, temperature, overlap
        )
        tags = replace(tags, differences=evidence.differences)
        if evidence.familiarity is not None and self.familiar is not None:
            limit = self.familiar.threshold
            tags = with_familiarity(tags, self.card.labels, evidence.familiarity, limit, settings.hold_back)
        return replace(
            tags,
            trained_folds=int(trained.sum()),
            voting_folds=voting,
            content=evidence.content,
            embeddings=embeddings,
            voters=(SINGLE_NETWORK,) if self.settings.fast else tags.voters,
        )

    def voting_notes(self, trained: np.ndarray) -> tuple[str, ...]:
        """Says which folds vote where some were trained on the clip, see `trained_folds`; else empty."""
        if self.settings.fast:
            return (TRAINED_NOTE,) if trained.any() else ()
        note = voting_note(tuple(fold.fold for fold in self._folds), trained)
        return (note,) if note else ()

    def trained_folds(self, evidence: Evidence) -> np.ndarray:
        """Whether each chosen fold was trained on the clip, shape ``(folds,)``, as far as the ensemble knows that."""
        if self.known_clips is None:
            return np.zeros(len(self._folds), dtype=bool)
        trained = self.known_clips.trained_folds(evidence.content)
        return trained[[self.card.folds.index(fold) for fold in self._folds]]

    def evidence(self, source: Taggable, name: str | None = None, sample_rate: int | None = None) -> Evidence:
        """Scores of each fold for each window of a sound; the parameters are those of `tag`."""
        return Evidence.of_blocks([self.score(block) for block in self.inputs(source, name, sample_rate)])

    def evidence_of(self, sound: Sound) -> Evidence:
        """`evidence` of a decoded sound, which must have the card's sample rate."""
        rate = self.card.spectrogram.sample_rate
        require(
            sound.sample_rate == rate, f"{sound.name}'s sample rate", f"be {rate} Hz", sound.sample_rate, "resample it"
        )
        return self.score(self.input_maker.of_sound(sound))

    def inputs(self, source: Taggable, name: str | None = None, sample_rate: int | None = None) -> Iterator[ClipInputs]:
        """Network inputs of a sound, in one block, or in several if it is long; the parameters are those of `tag`."""
        readable = readable_source(source, sample_rate)
        default_name = None if isinstance(source, FILE_TYPES) else "the waveform"
        return self._guarded_blocks(readable, name or default_name)

    def _guarded_blocks(self, source: Source, name: str | None) -> Iterator[ClipInputs]:
        with clip_guard(name or source_name(source)):
            yield from self.input_maker.blocks(source, name)

    def score(self, inputs: ClipInputs) -> Evidence:
        """Run the networks on one block of inputs."""
        windows, augmented = len(inputs.starts), inputs.augmented
        outputs = self.networks.of_block(inputs.plain, windows)
        passes = None
        if augmented is not None:
            passes = np.stack([self.networks.of_block(one, windows).scores for one in augmented])
        return self.evidence_from(inputs, outputs, passes)

    def evidence_from(self, inputs: ClipInputs, outputs: Outputs, augmented: np.ndarray | None) -> Evidence:
        """The evidence of a block of inputs.

        Parameters
        ----------
        inputs : ClipInputs
            Its arrays of network inputs are not used.
        outputs : Outputs
            Of the plain network inputs.
        augmented : numpy.ndarray, shape=(passes, folds, windows, labels), or None
            Scores of each pass of test-time augmentation.
        """
        settings = self.card.spectrogram
        has_embeddings = outputs.embeddings.shape[-1] > 0
        keeps = self.keep_embeddings and has_embeddings
        familiarity = None
        if self.familiar is not None and has_embeddings:
            places = [self.card.folds.index(fold) for fold in self._folds]
            familiarity = self.familiar.of_windows(outputs.embeddings, places)
            familiarity[:, ~inputs.audible] = np.nan
        return Evidence(
            name=inputs.name,
            duration_s=inputs.end / settings.sample_rate,
            starts_s=inputs.starts / settings.sample_rate,
            window_s=settings.clip_s,
            audible=inputs.audible,
            scores=outputs.scores,
            augmented=augmented,
            notes=inputs.notes,
            content=inputs.content,
            differences=inputs.differences,
            embeddings=np.where(inputs.audible[:, None], outputs.embeddings, 0) if keeps else None,
            familiarity=familiarity,
        )

    def _temperature_for(self, settings: TagSettings) -> float:
        """The temperature that the settings ask for; 1, which changes nothing, where they ask for none."""
        if not settings.calibrated or settings.combine == "weighted":
            return 1.0
        if self.temperature is None:
            raise AudiotagError(
                f"{self.card.name} has no temperature, and no out-of-fold scores to fit one to; tag without calibrated "
                "scores, or publish it again."
            )
        return self.temperature

    def _check_familiar(self, settings: TagSettings) -> None:
        require_familiar(settings, self.card, self.familiar is not None, self.settings.fast)
