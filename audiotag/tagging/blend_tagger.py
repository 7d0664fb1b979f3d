"""Tag with a blend: each member scores a sound by itself, then stackers do from these scores, then all are combined.

Where folds of a member were trained on a clip, only its other folds vote, as in any ensemble; the stackers use the
folds that belong to the members' folds which vote. A stacker gets the mean, over the windows of the timeline, of the
members' scores, each combined over folds; it was fitted to means over such windows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audiotag.audio.header import Sound
from audiotag.checks import require
from audiotag.errors import AudiotagError
from audiotag.tagging.blend_card import BlendCard
from audiotag.tagging.blend_fusion import at_times, fuse_voters
from audiotag.tagging.card import CARD, Card, select_folds
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.engine_comparison import Progress
from audiotag.tagging.engine_selection import Say
from audiotag.tagging.ensemble import find_ensemble
from audiotag.tagging.evidence import Evidence
from audiotag.tagging.familiar_tags import with_familiarity
from audiotag.tagging.fold_fusion import FusedScores, fuse_folds, ranked_tags
from audiotag.tagging.out_of_fold import read_out_of_fold
from audiotag.tagging.result import Tags
from audiotag.tagging.settings import Combine, TagSettings
from audiotag.tagging.tagger import Tagger
from audiotag.tagging.tagger_checks import check_thresholds
from audiotag.tagging.waveform_source import Taggable

if TYPE_CHECKING:
    from audiotag.tagging.stacker import LoadedStacker


class BlendTagger(Tagger):
    """A blend in memory, ready to tag; parameters and attributes are those of `audiotag.tagging.tagger.Tagger`.

    Of the settings, ``folds`` selects voters of the blend, and ``combine`` says how the folds of each member, and of
    each stacker, are combined; how voters are combined is said by the card. With test-time augmentation the members'
    own scores change, but stackers get the plain passes that they were fitted to. A ``window_rule`` counts for the
    members whose crops are cut from spectrograms. Embeddings and familiarity are those of the first member. The methods
    that work on network inputs (`inputs`, `score`, `engine`, `evidence_from`, `silence`) are those of `parts`, and not
    of the blend.

    Attributes
    ----------
    members : tuple[Tagger, ...]
    orders : list[list[int]]
        Where each label of the blend is among those of each member.

    Raises
    ------
    AudiotagError
        As `Tagger`; also if a member is not the one that the card was written for, or has other labels, or if there is
        a ``window_rule`` and the crops of no member are cut from spectrograms.
    """

    def __init__(
        self,
        ensemble: str | Path,
        settings: TagSettings | None = None,
        thresholds: tuple[float, ...] | None = None,
        say: Say = lambda sentence: None,
        progress: Progress = lambda done, total: None,
        keep_embeddings: bool = False,
    ) -> None:
        folder = find_ensemble(ensemble)
        self.card = read_card(folder)
        assert self.card.blend is not None  # `open_tagger` opens other ensembles
        self.blend: BlendCard = self.card.blend
        self.keep_embeddings = keep_embeddings
        self.settings = (settings or TagSettings()).or_overlap(self.card.overlap)
        self._folds = select_folds(self.card, self.settings.folds)
        self._voters = [self.card.folds.index(fold) for fold in self._folds]
        self.thresholds = self.card.thresholds if thresholds is None else check_thresholds(thresholds, self.card)
        self.out_of_fold = read_out_of_fold(folder, self.card)
        self.known_clips = None  # each member has its own
        paths = [_checked_member(folder, self.blend, number) for number in range(len(self.blend.members))]
        own = self._member_settings(self.settings, [read_card(path) for path in paths])
        self.members = tuple(
            Tagger(path, of_member, None, say, progress, keep_embeddings and not number)
            for number, (path, of_member) in enumerate(zip(paths, own, strict=True))
        )
        self.familiar = self.members[0].familiar
        self.orders = [self._order_of(member) for member in self.members]
        self._temperature_for(self.settings)
        self._check_familiar(self.settings)
        self._stackers = self._load_stackers(folder)
        self.engine_name = " + ".join(dict.fromkeys(member.engine_name for member in self.members))

    @property
    def parts(self) -> tuple[Tagger, ...]:
        """The members."""
        return self.members

    def join_parts(self, evidence: Sequence[Evidence]) -> Evidence:
        """The evidence of the blend from that of each member."""
        return Evidence.of_members(evidence)

    @property
    def can_weight(self) -> bool:
        """The members of a blend have the weights of its card, and none that are fitted."""
        return False

    @cached_property
    def weights(self) -> np.ndarray | None:
        """None, see `can_weight`."""
        return None

    @cached_property
    def features(self) -> int:
        """Number of features in an embedding of one fold of the first member."""
        return self.members[0].features

    def evidence(self, source: Taggable, name: str | None = None, sample_rate: int | None = None) -> Evidence:
        """The evidence of each member; the parameters are those of `tag`."""
        return self.join_parts([member.evidence(source, name, sample_rate) for member in self.members])

    def evidence_of(self, sound: Sound) -> Evidence:
        """`evidence` of a decoded sound; members with another sample rate get it resampled."""
        found = []
        for member in self.members:
            if member.card.spectrogram.sample_rate == sound.sample_rate:
                found.append(member.evidence_of(sound))
            else:
                evidence = member.evidence(sound.waveform, sound.name, sound.sample_rate)
                found.append(replace(evidence, content=sound.content))
        return self.join_parts(found)

    def window_tags_of(
        self, evidence: Evidence, settings: TagSettings | None = None, thresholds: tuple[float, ...] | None = None
    ) -> Tags:
        """Combine evidence into tags; as `Tagger.window_tags_of`."""
        settings = settings or self.settings
        thresholds = self.thresholds if thresholds is None else check_thresholds(thresholds, self.card)
        self._check_familiar(settings)
        temperature = self._temperature_for(settings)
        trained = self.trained_folds(evidence)
        tags = self.member_tags(evidence, settings)
        clip, timeline = self.voter_scores(evidence, tags, settings.combine)
        votes = np.flatnonzero(~trained) if trained.any() and not trained.all() else np.arange(len(trained))
        chosen = [self._voters[vote] for vote in votes]
        weights = [self.blend.weights[voter] for voter in chosen]
        fused = FusedScores(
            clip[chosen],
            fuse_voters(clip[chosen], self.blend.combine, weights),
            fuse_voters(timeline[chosen], self.blend.combine, weights),
        )
        found = ranked_tags(evidence, self.card.labels, thresholds, fused, temperature)
        found = replace(found, notes=self._notes(evidence), differences=evidence.differences)
        first = tags[0]
        if first.window_familiarity is not None and self.familiar is not None:
            familiarity, limit = first.window_familiarity[None], self.familiar.threshold
            found = with_familiarity(found, self.card.labels, familiarity, limit, settings.hold_back)
        return replace(
            found,
            trained_folds=int(trained.sum()),
            voting_folds=tuple(self.card.folds[voter].fold for voter in chosen),
            content=evidence.content,
            embeddings=evidence.embeddings,
            voters=self._kinds_of(chosen),
        )

    def member_tags(self, evidence: Evidence, settings: TagSettings) -> list[Tags]:
        """The tags of each member, from the folds that were not trained on the clip."""
        own = self._member_settings(settings, [member.card for member in self.members])
        of_members = zip(self.members, evidence.members, own, strict=True)
        return [member.window_tags_of(of, of_member) for member, of, of_member in of_members]

    def voter_scores(self, evidence: Evidence, tags: Sequence[Tags], combine: Combine) -> tuple[np.ndarray, np.ndarray]:
        """Scores of all members and stackers, selected or not.

        Parameters
        ----------
        evidence : Evidence
        tags : sequence of Tags
            From `member_tags`.
        combine : "mean" or "geometric"
            How the folds of a stacker are combined.

        Returns
        -------
        tuple[numpy.ndarray, numpy.ndarray]
            ``(voters, labels)`` of the clip, and ``(voters, windows, labels)`` at the windows of the first member.
        """
        clip = [one.scores[order] for one, order in zip(tags, self.orders, strict=True)]
        timelines = self.timelines(tags)
        inputs = np.concatenate(timelines, axis=1)
        inputs = np.concatenate([inputs.mean(axis=0, keepdims=True), inputs])
        silent = ~np.append(evidence.audible.any(), evidence.audible)
        first = self.members[0]
        trained = first.trained_folds(evidence.members[0])
        is_trained = {fold.fold: bool(was) for fold, was in zip(first.card.folds, trained, strict=True)}
        for stacker in self._stackers:
            untrained = [place for place, fold in enumerate(stacker.folds) if not is_trained.get(fold, False)]
            of_folds = stacker.scores(inputs)[untrained or slice(None)]
            scores = fuse_folds(of_folds, combine)
            scores[silent] = 0
            clip.append(scores[0])
            timelines.append(scores[1:])
        return np.array(clip), np.array(timelines)

    def timelines(self, tags: Sequence[Tags]) -> list[np.ndarray]:
        """Scores of each member at the windows of the first, ``(windows, labels)``, in the blend's order of labels."""
        centres = [one.starts_s + one.window_s / 2 for one in tags]
        return [
            at_times(one.timeline[:, order], own, centres[0])
            for one, order, own in zip(tags, self.orders, centres, strict=True)
        ]

    def trained_folds(self, evidence: Evidence) -> np.ndarray:
        """Whether each chosen voter can only score the clip by folds that were trained on it."""
        of_members = [
            bool(member.trained_folds(of).all()) for member, of in zip(self.members, evidence.members, strict=True)
        ]
        voters = [*of_members, *[any(of_members)] * len(self.blend.stackers)]
        return np.array([voters[voter] for voter in self._voters])

    def _kinds_of(self, voters: Sequence[int]) -> tuple[str, ...]:
        """In words what these voters are."""
        members = len(self.blend.members)
        return tuple(dict.fromkeys("member" if voter < members else "stacker" for voter in voters))

    def _notes(self, evidence: Evidence) -> tuple[str, ...]:
        """The notes of the evidence, and which folds vote."""
        notes = list(evidence.notes)
        for member, of_member in zip(self.members, evidence.members, strict=True):
            notes += member.voting_notes(member.trained_folds(of_member))
        return tuple(dict.fromkeys(notes))

    def _member_settings(self, settings: TagSettings, cards: Sequence[Card]) -> list[TagSettings]:
        """The settings of each member; ``cards`` are those of the members."""
        if settings.combine == "weighted":
            raise AudiotagError(
                f"{self.card.name} is a blend, whose folds are combined by mean or geometric, got weighted; choose one "
                "of these."
            )
        in_spectrograms = [card.spectrogram.crop == "spectrogram" for card in cards]
        require(
            settings.window_rule is None or any(in_spectrograms),
            "window_rule",
            f"be left out for {self.card.name}, the crops of whose members are all cut from waveforms",
            settings.window_rule,
            "it places windows in spectrograms",
        )
        own = replace(settings, folds=(), calibrated=False, hold_back=False)
        return [own if has_rule else replace(own, window_rule=None) for has_rule in in_spectrograms]

    def _order_of(self, member: Tagger) -> list[int]:
        """Where each label of the blend is among those of a member."""
        if sorted(member.card.labels) != sorted(self.card.labels):
            raise AudiotagError(
                f"{self.card.name} and its member {member.card.name} must have the same labels; copy it again."
            )
        return [member.card.labels.index(label) for label in self.card.labels]

    def _load_stackers(self, folder: Path) -> list[LoadedStacker]:
        if not self.blend.stackers:
            return []
        from audiotag.tagging.stacker import LoadedStacker  # it imports torch

        labels = len(self.card.labels)
        return [LoadedStacker(folder, card, len(self.members) * labels, labels) for card in self.blend.stackers]


def _checked_member(folder: Path, blend: BlendCard, number: int) -> Path:
    """The folder of a member, whose card must be the one that the blend was made with."""
    member = blend.members[number]
    path = folder / member.folder
    content = (path / CARD).read_bytes() if (path / CARD).is_file() else b""
    if hashlib.sha256(content).hexdigest() != member.sha256:
        raise AudiotagError(
            f"{folder.name}/{member.folder}/{CARD} is missing or is not that of {member.name}; copy the blend again."
        )
    if len(read_card(path).folds) != member.folds:
        raise AudiotagError(f"{folder.name}/{member.folder} must have {member.folds} folds; copy the blend again.")
    return path
