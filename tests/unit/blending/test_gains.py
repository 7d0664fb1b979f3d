"""The table of gains has each member, the blend and its stackers, with paired intervals."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from audiotag.blending.gains import measure_gains
from audiotag.cli.main import main
from audiotag.data.layouts import open_dataset
from audiotag.errors import AudiotagError
from audiotag.metrics import lwlrap
from audiotag.tagging.ablation import read_ablation, write_ablation
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.tagger import Tagger

Blends = Callable[[str], Path]


@pytest.fixture(scope="module")
def other_clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven clips of another dataset with the same labels."""
    folder = tmp_path_factory.mktemp("other") / "other"
    folder.mkdir()
    rows, draw = ["fname,label"], np.random.default_rng(5)
    for number in range(7):
        tone = 0.3 * np.sin(2 * np.pi * (350 + 1400 * (number % 3)) * np.arange(24_000) / 16_000)
        soundfile.write(folder / f"{number}.wav", tone + 0.05 * draw.normal(size=24_000), 16_000)
        rows.append(f"{number}.wav,{('Bark', 'Bell', 'Hiss')[number % 3]}")
    (folder / "clips.csv").write_text("\n".join(rows) + "\n")
    return folder


def test_each_part_of_a_blend_has_a_row_with_its_gain(blends: Blends, trained: Any, other_clips: Path) -> None:
    dataset = open_dataset(other_clips)
    found = measure_gains(blends("stacked"), dataset, "all")
    rows = {row.step: row for row in found.rows}
    assert list(rows) == [
        "first, one fold", "first, all folds", "second, one fold", "second, all folds", "third, one fold",
        "third, all folds", "geometric mean of the members", "arithmetic mean of the members", "without first",
        "without second", "without third", "stackers alone", "members and stackers",
    ]  # fmt: skip
    tagger = Tagger(trained.members[1])
    targets = np.array([[label in labels for label in ("Hiss", "Bell", "Bark")] for labels in dataset.clips["labels"]])
    scores = np.array([tagger.tag(path).scores for path in dataset.clips["path"]])
    assert rows["second, all folds"].lwlrap == pytest.approx(lwlrap(targets, scores))
    best = max(trained.members, key=lambda member: read_card(member).lwlrap).name
    assert rows["geometric mean of the members"].over == f"{best}, all folds"
    for row in found.rows:
        if row.over:
            assert row.gain == pytest.approx(row.lwlrap - rows[row.over].lwlrap)
            assert row.low is not None
            assert row.high is not None
            assert row.low <= row.gain + 1e-9 <= row.high + 2e-9
        assert row.ms_per_clip > 0


def test_a_measured_table_comes_back_from_the_blends_folder(
    blends: Blends, other_clips: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = blends("plain")
    with pytest.raises(SystemExit) as ended:
        main(["gains", str(folder), str(other_clips), "--subset", "all", "--save"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert "95 % interval" in printed
    assert "geometric mean of the members" in printed
    found = read_ablation(folder, read_card(folder))
    assert found is not None
    write_ablation(folder, found)
    assert read_ablation(folder, read_card(folder)) == found


def test_training_clips_of_the_members_are_refused(blends: Blends, trained: Any) -> None:
    with pytest.raises(AudiotagError, match="first was trained on clips, so the subset of its clips must be test"):
        measure_gains(blends("plain"), open_dataset(trained.dataset), "all")
