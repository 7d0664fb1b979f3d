"""An ensemble's card may hold the overlap that it tags with, which an explicit one overrules."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import audiotag
from audiotag.errors import AudiotagError
from audiotag.similarity.embedding_store import EmbeddingStore
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.own_overlap import cost_of_overlap, save_overlap, without_own_overlap
from audiotag.tagging.settings import MEASURED, TagSettings
from audiotag.tagging.tagger import Tagger
from audiotag.workspace import Workspace

from .conftest import RATE, noise, with_card


@pytest.fixture
def mine(tiny_ensemble: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_ensemble, tmp_path / "mine")


def test_the_card_gets_the_overlap_and_the_rest_stays(mine: Path, tiny_ensemble: Path) -> None:
    before = json.loads((mine / "card.json").read_text())
    save_overlap(mine, 0.9)
    assert json.loads((mine / "card.json").read_text()) == before | {"overlap": 0.9}
    card, old = read_card(mine), read_card(tiny_ensemble)
    assert (card.overlap, old.overlap) == (0.9, None)
    assert card.scoring_fields() == old.scoring_fields()
    assert "overlap" not in old.to_dict()
    save_overlap(mine, None)
    assert json.loads((mine / "card.json").read_text()) == before


def test_tagging_uses_the_cards_overlap_unless_told_otherwise(mine: Path) -> None:
    assert Tagger(mine).settings == MEASURED
    save_overlap(mine, 0.95)
    waveform = noise(3.0)
    assert audiotag.tag(waveform, mine, RATE).window_s == pytest.approx(0.05, abs=1 / RATE)
    assert Tagger(mine).settings.overlap == audiotag.open_tagger(mine).settings.overlap == 0.95
    assert Tagger(mine, TagSettings("geometric")).settings.overlap == 0.95
    explicit = Tagger(mine, TagSettings(overlap=0.5)).tag(waveform, "made", RATE)
    assert explicit.window_s == 1.0
    # Engines round a window by how many there are at once.
    np.testing.assert_allclose(explicit.scores, Tagger(mine).tag(waveform, "made", RATE).scores, atol=1e-6)


def test_embeddings_and_what_was_measured_do_not_depend_on_it(mine: Path) -> None:
    stores = []
    for overlap in (None, 0.95):
        save_overlap(mine, overlap)
        stores.append(EmbeddingStore.of(read_card(mine), Workspace()).folder)
        vectors = audiotag.embed(noise(3.0), mine, RATE)
        stores.append(vectors.tobytes())
    assert stores[:2] == stores[2:]


@pytest.mark.parametrize("overlap", [-0.1, 0.96, float("nan")])
def test_an_overlap_out_of_range_is_refused(mine: Path, overlap: float) -> None:
    with pytest.raises(AudiotagError, match=r"overlap must be 0 to 0\.95 of a window"):
        save_overlap(mine, overlap)


@pytest.mark.parametrize("overlap", [1.5, "half", True])
def test_a_card_with_a_wrong_overlap_is_refused(tiny_ensemble: Path, tmp_path: Path, overlap: object) -> None:
    folder = with_card(tiny_ensemble, tmp_path / "wrong", overlap=overlap)
    with pytest.raises(AudiotagError, match=r"overlap must be 0 to 0\.95 of a window, got"):
        read_card(folder)


def test_a_command_names_the_overlap_only_where_it_is_not_the_ensembles_own(mine: Path, tmp_path: Path) -> None:
    chosen = TagSettings(overlap=0.9)
    assert without_own_overlap(chosen, mine) == chosen
    save_overlap(mine, 0.9)
    assert without_own_overlap(chosen, mine) == TagSettings()
    assert without_own_overlap(MEASURED, mine) == MEASURED
    assert without_own_overlap(chosen, tmp_path / "gone") == chosen


def test_costs_are_relative_to_the_usual_overlap() -> None:
    assert cost_of_overlap(0.5, 5.0) == "24 windows per minute of sound, the usual speed; a score every 2.5 s"
    assert "48 windows per minute of sound, twice as slow" in cost_of_overlap(0.75, 5.0)
    assert "67% of the time" in cost_of_overlap(0.25, 5.0)
