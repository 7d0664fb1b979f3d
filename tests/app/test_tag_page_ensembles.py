"""The Tag page shows what an ensemble is, and two of them side by side."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from audiotag.tagging.out_of_fold import OutOfFold
from audiotag.ui.tag import ensemble_card
from audiotag.workspace import Workspace

from .conftest import beep, changed, open_page, players, texts, wav
from .tag_page import badges, opened, uploaded


@pytest.fixture
def other(home: Workspace, tiny_ensemble: Path) -> Path:
    """A second ensemble in the workspace: the same folds under another name, with other thresholds."""
    folder = home.ensembles / "other"
    shutil.copytree(tiny_ensemble, folder)
    changed(folder, name="other", thresholds=[1.0, 1.0, 0.0])
    return folder


def test_the_card_is_shown_with_its_figures(home: Workspace, held_out: OutOfFold) -> None:
    at = open_page("pages/tag.py")
    at = opened(at, "Ensemble")
    assert not at.exception
    figures = {metric.label: metric.value for metric in at.metric}
    assert figures == {"lwlrap": "0.500", "Accuracy": "0.400", "Folds": "2", "Labels": "3"}
    assert any("CC0-1.0" in text for text in texts(at.caption))
    assert "**Engine:** torch" in texts(at.markdown)
    assert "audiotag export tiny --out tiny/tagger.onnx" in texts(at.code)
    (labels,) = [frame.value for frame in at.dataframe if "label" in frame.value and "lwlrap" in frame.value]
    assert labels.set_index("label")["clips"].to_dict() == {"Bark": 10, "Bell": 20, "Hiss": 0}
    assert labels["lwlrap"].iloc[0] == labels["lwlrap"].min()  # the weakest first


def test_the_card_can_be_downloaded_as_a_report(home: Workspace, held_out: OutOfFold) -> None:
    at = opened(open_page("pages/tag.py"), "Ensemble")
    assert not at.exception
    labels = [button.label for button in at.get("download_button")]
    assert {"Report", "README.md"} <= set(labels)
    folder = home.ensembles / "tiny"
    assert b"<!doctype html>" in ensemble_card._report(folder, "html")
    assert ensemble_card._report(folder, "md").startswith(b"---\nlicense: ")


def test_the_card_shows_each_kind_of_sound(home: Workspace) -> None:
    kinds = [
        {"name": "rendered", "clips": 300, "licence": "GPL-2", "lwlrap": 0.93, "accuracy": 0.9},
        {"name": "field recordings", "clips": 400, "licence": "CC BY 3.0", "lwlrap": 0.97, "accuracy": 0.95},
    ]
    changed(home.ensembles / "tiny", parts=kinds)
    at = open_page("pages/tag.py")
    at = opened(at, "Ensemble")
    assert not at.exception
    (table,) = [frame.value for frame in at.dataframe if "sounds" in frame.value]
    assert table.to_dict("records") == [
        {"sounds": kind["name"]} | {name: kind[name] for name in ("lwlrap", "accuracy", "clips")} for kind in kinds
    ]
    assert any("field recordings: CC BY 3.0" in text for text in texts(at.caption))


def test_an_ensemble_with_damaged_weights_gives_a_message(home: Workspace) -> None:
    weights = home.ensembles / "tiny" / "fold-1.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    at = uploaded(open_page("pages/tag.py"), ("beep.wav", wav(beep(1))))
    assert not at.exception
    assert any("tiny/fold-1.safetensors is damaged" in text for text in texts(at.error))


def score_charts(at: AppTest) -> list[Any]:
    return [each for each in at.get("bidi_component") if each.proto.component_name == "audiotag-score-chart"]


def test_two_ensembles_are_shown_side_by_side_over_one_player(home: Workspace, other: Path) -> None:
    at = uploaded(open_page("pages/tag.py", ensemble="tiny"), ("beep.wav", wav(beep(1))))
    charts = len(score_charts(at))
    assert len(players(at)) == 1
    at = at.selectbox(key="beside-ensemble").set_value("other").run()
    assert not at.exception
    assert {"**tiny**", "**other**"} <= set(texts(at.markdown))
    assert badges(at)[-1] == "Hiss"  # of the other: its thresholds let nothing else pass
    assert (len(players(at)), len(score_charts(at))) == (1, charts + 1)


def test_the_other_ensemble_may_be_damaged(home: Workspace, other: Path) -> None:
    (other / "fold-1.safetensors").write_bytes(b"")
    at = uploaded(open_page("pages/tag.py", ensemble="tiny"), ("beep.wav", wav(beep(1))))
    at = at.selectbox(key="beside-ensemble").set_value("other").run()
    assert not at.exception
    assert any("other/fold-1.safetensors is damaged" in text for text in texts(at.error))
    assert sorted(badges(at)) == ["Bark", "Bell"]


def test_the_address_names_the_ensemble(home: Workspace, other: Path) -> None:
    for name in ("tiny", "other"):
        at = open_page("pages/tag.py", ensemble=name)
        assert at.selectbox(key="ensemble").value == name
        assert any(text.startswith(f"**{name}** · ") for text in texts(at.caption))
    at = at.selectbox(key="ensemble").set_value("tiny").run()
    assert at.query_params["ensemble"] == "tiny"
    assert at.run().selectbox(key="ensemble").value == "tiny"
    at = open_page("pages/tag.py", ensemble="gone")
    assert not at.exception
    assert at.selectbox(key="ensemble").value is None  # a link to another workspace's ensemble opens none of this one
