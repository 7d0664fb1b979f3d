"""The Tag page tags with the single network of an ensemble, and never mixes its scores with those of the folds."""

import hashlib
from pathlib import Path

import pytest
from safetensors.numpy import load, save

from audiotag.tagging.card_reading import read_card
from audiotag.workspace import Workspace

from .conftest import beep, changed, open_page, texts, wav
from .tag_page import command, noise, opened, row, uploaded


@pytest.fixture
def with_single(home: Workspace) -> Path:
    """The ensemble of the workspace, with its second fold, changed a little, as its single network."""
    folder = home.ensembles / "tiny"
    card = read_card(folder)
    tensors = load((folder / card.folds[1].file).read_bytes())
    last = [name for name in tensors if name.endswith("bias")][-1]
    content = save(tensors | {last: tensors[last] + tensors[last].dtype.type(0.5)})
    (folder / "single.safetensors").write_bytes(content)
    same = {"clips": 30, "recordings": 20, "folds": 0.5, "single": 0.4988, "low": -0.01, "high": 0.008}
    single = {
        "file": "single.safetensors",
        "sha256": hashlib.sha256(content).hexdigest(),
        "thresholds": list(card.thresholds),
        "share": 0.7,
        "created": "2026-11-30",
        "out_of_fold": same,
        "speed": {"folds": 490.0, "single": 1234.0, "cores": 2, "clips": 200},
    }
    changed(folder, single=single)
    return folder


def test_without_a_single_network_the_command_that_makes_one_is_shown(home: Workspace) -> None:
    at = opened(open_page("pages/tag.py"), "Options")
    assert not at.exception
    assert not [toggle for toggle in at.toggle if toggle.key == "fast"]
    assert "audiotag distil tiny" in texts(at.code)


def test_the_toggle_says_what_it_costs_and_results_say_what_tagged(with_single: Path) -> None:
    at = uploaded(open_page("pages/tag.py"), ("beep.wav", wav(beep(1))), ("noise.wav", noise()))
    assert row(at, 0)["folds"].endswith("of 2")
    at = opened(at, "Options")
    (toggle,) = [toggle for toggle in at.toggle if toggle.key == "fast"]
    for figure in ("0.4988", "0.5000", "490 times", "1,234 times"):
        assert figure in toggle.help
    folds_score = row(at, 0)["score"]
    at = toggle.set_value(True).run()
    assert not at.exception
    assert row(at, 0)["folds"] == "single network"
    assert at.radio(key="combine").disabled  # there is nothing to combine
    assert row(at, 0)["score"] != folds_score
    assert any("single network" in text for text in texts(at.caption))
    assert "--fast" in command(at)
    assert any("Similar clips are found with all folds" in text for text in texts(at.caption))
    at = next(toggle for toggle in at.toggle if toggle.key == "fast").set_value(False).run()
    assert (row(at, 0)["folds"].endswith("of 2"), row(at, 0)["score"]) == (True, folds_score)
    at = opened(at, "Ensemble")
    assert any("Single network" in text for text in texts(at.markdown))
    assert any("1,234 times" in text for text in texts(at.caption))
