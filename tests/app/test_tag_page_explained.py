"""The Tag page explains a tag: scores with a part of the sound alone and without it, and all labels from one pass."""

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from audiotag.tagging import explanation
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.explanation import best_part, explain_section, hear_parts
from audiotag.tagging.section import Section
from audiotag.tagging.section_scores import SectionScorer
from audiotag.tagging.tagger import Tagger
from audiotag.workspace import Workspace

from .conftest import open_page, texts, wav
from .tag_page import command, pressed, uploaded


def pressed_why(at: AppTest, label: str) -> AppTest:
    (button,) = [button for button in at.button if button.key and button.key.startswith("why-") and label in button.key]
    at = button.click().run()
    assert not at.exception
    assert not at.error
    return at


def test_a_tag_is_explained_by_scores_that_tagging_gives_and_the_page_goes_back(home: Workspace) -> None:
    waveform = (0.1 * np.random.default_rng(5).standard_normal(44_100)).clip(-1, 1)
    at = uploaded(open_page("pages/tag.py"), ("a.wav", wav(waveform)))
    assert not at.metric
    at = pressed_why(at, "Bark")
    tagger = Tagger(home.ensembles / "tiny")
    sound = tagger.tag(wav(waveform))
    samples = (np.round(waveform * 32_767) / 32_768).astype(np.float32)
    found = explain_section(tagger, Section("a.wav", samples, 44_100))
    part = best_part(hear_parts(tagger, found, "Bark"))
    wanted = [sound.scores[0], part.only_score, part.without_score]
    assert [float(metric.value) for metric in at.metric] == pytest.approx(wanted, abs=0.0101)
    (picker,) = [box for box in at.selectbox if box.label == "Why"]
    assert picker.value == "Bark"
    at = next(button for button in at.button if button.label == "Show the whole sound").click().run()
    assert not at.metric
    assert any("Below the spectrogram" in text for text in texts(at.caption))


def test_the_map_of_another_label_needs_no_further_pass(home: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    passes = []
    real = SectionScorer.covered
    monkeypatch.setattr(
        explanation.SectionScorer, "covered", lambda self, *given: passes.append(1) or real(self, *given)
    )
    waveform = (0.1 * np.random.default_rng(6).standard_normal(44_100)).clip(-1, 1)
    at = pressed_why(uploaded(open_page("pages/tag.py"), ("b.wav", wav(waveform))), "Bark")
    (picker,) = [box for box in at.selectbox if box.label == "Why"]
    at = picker.set_value("Hiss").run()
    assert not at.exception
    assert passes == [1]


def test_higher_overlap_says_what_it_costs_and_is_in_the_command(home: Workspace) -> None:
    waveform = (0.1 * np.random.default_rng(7).standard_normal(3 * 44_100)).clip(-1, 1)
    at = uploaded(open_page("pages/tag.py"), ("c.wav", wav(waveform)))
    at = at.select_slider(key="overlap").set_value(0.95).run()
    assert not at.exception
    assert "1,200 windows per minute of sound, 10 times as slow as the usual 50%; a score every 0.05 s." in texts(
        at.caption
    )
    assert any("from which those of moments of 0.05 s follow" in text for text in texts(at.caption))
    assert any("--overlap 0.95" in code.value for code in at.code)


def test_an_overlap_becomes_the_ensembles_own_and_the_page_starts_with_it(home: Workspace) -> None:
    at = open_page("pages/tag.py")
    assert at.select_slider(key="overlap").value == 0.5
    assert "120 windows per minute of sound, the usual speed; a score every 0.5 s." in texts(at.caption)
    at = pressed(at.select_slider(key="overlap").set_value(0.9).run(), "Always tag with 90%")
    assert not at.error
    assert read_card(home.ensembles / "tiny").overlap == 0.9
    assert not [button for button in at.button if button.key == "save-overlap"]
    at = uploaded(open_page("pages/tag.py"), ("c.wav", wav(0.1 * np.ones(3 * 44_100))))
    assert at.select_slider(key="overlap").value == 0.9
    assert "--overlap" not in command(at)
    at = at.select_slider(key="overlap").set_value(0.5).run()
    assert "--overlap 0.5" in command(at)
    at = pressed(at, "Always tag with 50%")
    assert "overlap" not in read_card(home.ensembles / "tiny").to_dict()
    assert "--overlap" not in command(at)
