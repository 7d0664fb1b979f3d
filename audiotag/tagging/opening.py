"""Open an ensemble to tag with it, whether it has one network or is a blend of several ensembles."""

from __future__ import annotations

from pathlib import Path

from audiotag.tagging.card_reading import read_card
from audiotag.tagging.engine_comparison import Progress
from audiotag.tagging.engine_selection import Say
from audiotag.tagging.ensemble import find_ensemble
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.single_network import require_single
from audiotag.tagging.tagger import Tagger


def open_tagger(
    ensemble: str | Path,
    settings: TagSettings | None = None,
    thresholds: tuple[float, ...] | None = None,
    say: Say = lambda sentence: None,
    progress: Progress = lambda done, total: None,
    keep_embeddings: bool = False,
    fast: bool = False,
) -> Tagger:
    """Open an ensemble or a blend; the parameters are those of `audiotag.tagging.tagger.Tagger`.

    Raises
    ------
    AudiotagError
        As `audiotag.tagging.tagger.Tagger`.
    """
    folder = find_ensemble(ensemble)
    card = read_card(folder)
    if card.blend is None:
        return Tagger(folder, settings, thresholds, say, progress, keep_embeddings, fast)
    if fast or (settings and settings.fast):
        require_single(card)
    from audiotag.tagging.blend_tagger import BlendTagger

    return BlendTagger(folder, settings, thresholds, say, progress, keep_embeddings)
