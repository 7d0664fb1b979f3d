"""The Score page: its figures are those of the library, and failures give a message."""

import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from audiotag.data.label_names import read_aliases
from audiotag.review import ensemble_scores
from audiotag.review.ensemble_scores import EnsembleScores, score_clips
from audiotag.scoring import score_submission
from audiotag.tagging.known_clips import FILE, KnownClips
from audiotag.workspace import Workspace

from .conftest import at_work, changed, open_page, table_dataset, texts

TRUTH = 'fname,labels,usage\na.wav,Bark,Public\nb.wav,"Bark,Meow",Private\nc.wav,Meow,Private\n'
SUBMISSION = "fname,Bark,Meow,Hiss\na.wav,0.9,0.1,0.2\nb.wav,0.2,0.5,0.9\nc.wav,0.6,0.5,0.4\n"


def tables() -> AppTest:
    """The Score page where a table of scores is given."""
    return open_page("pages/score.py", score="A table of scores")


def uploaded(at: AppTest, key: str, content: str | bytes, name: str = "table.csv") -> AppTest:
    content = content.encode() if isinstance(content, str) else content
    at.file_uploader(key=f"{key}-upload").set_value([(name, content, "text/csv")])
    return at.run()


def own_truth(at: AppTest, truth: str = TRUTH) -> AppTest:
    if any(control.key == "truth-from" and "Dataset" in control.options for control in at.segmented_control):
        at = at.segmented_control(key="truth-from").set_value("Upload").run()
    return uploaded(at, "truth", truth, "truth.csv")


def figures(at: AppTest) -> dict[str, str]:
    assert not at.exception
    return {metric.label: metric.value for metric in at.metric}


def hardest(at: AppTest) -> list[str]:
    (table,) = [frame.value for frame in at.dataframe if "ranked above" in frame.value.columns]
    return list(table["clip"])


@pytest.fixture
def submission(sounds: Path, tmp_path: Path) -> Path:
    """A submission for the starter sounds' test clips: right for all but the first."""
    with (sounds / "test_truth.csv").open() as file:
        truth = {row["fname"]: row["labels"].split(",") for row in csv.DictReader(file)}
    labels = (sounds / "sample_submission.csv").read_text().splitlines()[0].split(",")[1:]
    draw = np.random.default_rng(0)
    lines = [",".join(["fname", *labels])]
    for number, (clip, true) in enumerate(truth.items()):
        right = -0.5 if number == 0 else 0.5
        scores = [0.5 + right * (label in true) + draw.uniform(-0.01, 0.01) for label in labels]
        lines.append(",".join([clip, *(f"{score:.4f}" for score in scores)]))
    (tmp_path / "submission.csv").write_text("\n".join(lines))
    return tmp_path / "submission.csv"


def test_without_a_table_the_page_says_what_to_give_and_which_commands_make_it(home: Workspace, sounds: Path) -> None:
    at = tables()
    assert not at.exception
    assert not at.error
    assert any(text.startswith("Give a submission above") for text in texts(at.info))
    (code,) = at.code
    out = home.root / "submissions" / "starter-sounds-tiny.csv"
    assert f"audiotag submit {sounds} --ensemble tiny --out {out} && " in code.value
    assert f"audiotag score {out} --truth {sounds / 'test_truth.csv'}" in code.value


def test_without_a_dataset_or_an_ensemble_it_scores_two_tables(empty: Workspace) -> None:
    at = tables()
    assert any(text.startswith("There is no dataset yet") for text in texts(at.info))
    assert any(text.startswith("Give a submission and the truth above") for text in texts(at.info))
    at = own_truth(uploaded(at, "submission", SUBMISSION))
    assert figures(at)["Clips"] == "3"
    assert not at.error


def test_an_alias_that_is_saved_on_the_page_counts_there_and_stays(empty: Workspace) -> None:
    at = own_truth(uploaded(tables(), "submission", SUBMISSION.replace("Meow", "Cat")))
    assert any("add the alias Meow" in text for text in texts(at.error))
    at.text_area(key="label-aliases").set_value("meow")
    at = next(button for button in at.button if button.label == "Save").click().run()
    assert any("an alias must be two names" in text for text in texts(at.error))
    at.text_area(key="label-aliases").set_value("meow = cat")
    at = next(button for button in at.button if button.label == "Save").click().run()
    assert figures(at)["Clips"] == "3"
    assert any("Meow = Cat" in text for text in texts(at.caption))
    assert read_aliases(empty) == {"meow": "cat"}


def write_process(job: EnsembleScores, pid: int, started: float, waiting_since: float | None = None) -> None:
    job.folder.mkdir(parents=True, exist_ok=True)
    (job.folder / "process.json").write_text(json.dumps({"pid": pid, "started": started}))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[EnsembleScores]:
    """The jobs that the page starts; this process stands for theirs."""
    jobs: list[EnsembleScores] = []
    monkeypatch.setattr(EnsembleScores, "start", lambda job: jobs.append(at_work(job)))
    monkeypatch.setattr(EnsembleScores, "write_process", write_process, raising=False)
    return jobs


def ended(job: EnsembleScores) -> None:
    """Score the clips in this process, as the job's own would."""
    (job.folder / "process.json").unlink()
    score_clips(job, Workspace())


@pytest.fixture
def split(home: Workspace, tmp_path: Path) -> Path:
    """A dataset of a table, with two test clips and a training clip."""
    lines = ["a.wav,Bark,train", "b.wav,Bell,test", "c.wav,Hiss,test"]
    root = table_dataset(tmp_path / "split", lines, "fname,label,split")
    home.remember_dataset(root)
    return root


def test_one_button_scores_the_ensemble_on_the_test_clips_and_the_result_stays(
    home: Workspace, split: Path, started: list[EnsembleScores]
) -> None:
    at = open_page("pages/score.py")
    assert at.button(key="score-ensemble").label == "Score *tiny* on 2 test clips"
    at = at.button(key="score-ensemble").click().run()
    (job,) = started
    job.write_progress(1, 2, 75.0)
    at = open_page("pages/score.py")  # reloaded
    (bar,) = at.get("progress")
    assert (bar.proto.text, bar.proto.value) == ("Scoring 1 of 2 clips · 75 s left", 50)
    assert not any(button.key == "score-ensemble" for button in at.button)
    assert not at.metric
    ended(job)
    at = at.run()
    assert figures(at)["Clips"] == "2"
    at = open_page("pages/score.py")
    shown = figures(at)
    assert shown["Clips"] == "2"
    assert not any(button.key == "score-ensemble" for button in at.button)
    assert any(text.startswith(":material/check: **tiny** was scored on") for text in texts(at.caption))
    (home.ensembles / "tiny").rename(home.ensembles / "other")  # the same ensemble under another name
    assert figures(open_page("pages/score.py")) == shown
    changed(home.ensembles / "other", thresholds=[0.1, 0.2, 0.3])
    assert open_page("pages/score.py").button(key="score-ensemble").label == "Score *tiny* on 2 test clips"


def test_scoring_is_stopped_and_goes_on_with_the_clips_that_are_left(
    home: Workspace, split: Path, started: list[EnsembleScores], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ensemble_scores, "PART_INTERVAL_S", -1.0)
    at = open_page("pages/score.py").button(key="score-ensemble").click().run()
    at.button(key="stop-scoring").click().run()
    (job,) = started
    assert job.is_stop_requested()
    ended(job)  # which ends after the first clip
    at = open_page("pages/score.py")
    assert at.button(key="score-ensemble").label == "Go on scoring *tiny*, 1 clip is left"
    assert not at.metric


def test_clips_without_a_test_split_are_scored_by_folds_that_do_not_know_them(
    home: Workspace, tmp_path: Path, started: list[EnsembleScores]
) -> None:
    root = table_dataset(tmp_path / "mine", ["a.wav,Bark", "b.wav,Bell", "c.wav,Hiss"])
    home.remember_dataset(root)
    assert any("tiny does not say which clips" in text for text in texts(open_page("pages/score.py").error))
    known = KnownClips.of([("0f" * 16, (True, False))], 2).to_bytes()
    (home.ensembles / "tiny" / FILE).write_bytes(known)
    changed(home.ensembles / "tiny", known_clips=hashlib.sha256(known).hexdigest())
    at = open_page("pages/score.py")
    assert at.button(key="score-ensemble").label == "Score *tiny* on 3 clips"
    assert any("only by the folds that were not trained on it" in text for text in texts(at.caption))
    at = at.button(key="score-ensemble").click().run()
    ended(started[0])
    assert figures(at.run())["Clips"] == "3"


def test_without_sounds_there_is_nothing_to_press(home: Workspace, split: Path) -> None:
    for file in split.glob("*.wav"):
        file.unlink()
    at = open_page("pages/score.py")
    assert any("The sound files of the test clips are missing" in text for text in texts(at.info))
    assert not any(button.key == "score-ensemble" for button in at.button)


def test_figures_of_an_upload_are_those_of_the_library(home: Workspace, submission: Path, sounds: Path) -> None:
    score = score_submission(submission, sounds / "test_truth.csv")
    at = uploaded(tables(), "submission", submission.read_bytes())
    assert not at.error
    assert figures(at) == {
        "lwlrap": f"{score.lwlrap:.5f}",
        "Multi-label accuracy": f"{score.accuracy:.5f}",
        "Clips": "6",
        **{f"{name}, {clips} clips": f"{value:.5f}" for name, (clips, value) in score.per_split.items()},
    }
    assert 0 < score.lwlrap < 1
    assert hardest(at) == list(score.per_clip.index)


def test_a_path_gives_what_its_upload_gives(home: Workspace, submission: Path) -> None:
    at = uploaded(tables(), "submission", submission.read_bytes())
    wanted = figures(at)
    at = tables().segmented_control(key="submission-from").set_value("Path").run()
    at = at.text_input(key="submission-path").set_value(str(submission)).run()
    assert figures(at) == wanted


def test_a_table_that_changed_is_scored_again(home: Workspace, tmp_path: Path) -> None:
    at = own_truth(tables())
    at = at.segmented_control(key="submission-from").set_value("Path").run()
    table = tmp_path / "mine.csv"
    table.write_text(SUBMISSION)
    at = at.text_input(key="submission-path").set_value(str(table)).run()
    before = figures(at)["lwlrap"]
    table.write_text(SUBMISSION.replace("0.2,0.5,0.9", "0.9,0.8,0.1"))
    assert figures(at.run())["lwlrap"] != before


def test_submissions_made_by_the_command_are_offered(home: Workspace, submission: Path) -> None:
    folder = home.root / "submissions"
    folder.mkdir(parents=True)
    (folder / "starter-sounds-tiny.csv").write_bytes(submission.read_bytes())
    at = tables().segmented_control(key="submission-from").set_value("Workspace").run()
    assert at.selectbox(key="submission-made").options == ["starter-sounds-tiny"]
    assert figures(at)["Clips"] == "6"


def test_a_clips_label_filters_the_hardest_clips(home: Workspace) -> None:
    at = own_truth(uploaded(tables(), "submission", SUBMISSION))
    assert hardest(at) == ["c.wav", "b.wav", "a.wav"]
    at = at.selectbox(key="score-label").set_value("Bark").run()
    assert hardest(at) == ["b.wav", "a.wav"]
    assert "In 1 of 2 clips a wrong label is ranked above a true one." in texts(at.caption)


def test_labels_ranked_above_the_true_ones_are_named_with_their_scores(home: Workspace) -> None:
    at = own_truth(uploaded(tables(), "submission", SUBMISSION))
    (table,) = [frame.value for frame in at.dataframe if "ranked above" in frame.value.columns]
    assert table["ranked above"].tolist() == ["Bark 0.6", "Hiss 0.9", "nothing"]
    assert [list(labels) for labels in table["labels"]] == [["Meow"], ["Bark", "Meow"], ["Bark"]]


def test_the_hardest_clip_is_played_where_its_sound_is(home: Workspace, submission: Path, sounds: Path) -> None:
    at = uploaded(tables(), "submission", submission.read_bytes())
    clip = hardest(at)[0]
    assert any(text.startswith(f"**{clip}**") for text in texts(at.markdown))
    assert any(" Hz · " in text and "RMS" in text for text in texts(at.caption))  # the facts below the player
    assert not at.info


def test_a_clip_that_is_not_in_the_dataset_gives_a_message(home: Workspace) -> None:
    at = own_truth(uploaded(tables(), "submission", SUBMISSION))
    assert any("starter-sounds does not have this clip" in text for text in texts(at.info))
    assert not at.error


@pytest.mark.parametrize(
    ("submission", "reason"),
    [
        ("", "mine.csv cannot be read as a CSV file"),
        ("fname,Bark\nz.wav,0.5\n", "mine.csv and truth.csv have no clip in common"),
    ],
)
def test_an_upload_with_a_fault_gives_a_message(home: Workspace, submission: str, reason: str) -> None:
    at = own_truth(uploaded(tables(), "submission", submission, "mine.csv"))
    assert not at.exception
    (error,) = texts(at.error)
    assert error.startswith(reason)
    assert not at.metric


@pytest.mark.parametrize(("path", "reason"), [("gone.csv", "cannot be read"), (".", "is a folder")])
def test_a_path_that_cannot_be_read_gives_a_message(home: Workspace, tmp_path: Path, path: str, reason: str) -> None:
    at = tables().segmented_control(key="submission-from").set_value("Path").run()
    at = at.text_input(key="submission-path").set_value(str(tmp_path / path)).run()
    assert not at.exception
    (error,) = texts(at.error)
    assert reason in error


def test_a_dataset_without_test_clips_asks_for_the_truth(home: Workspace, tmp_path: Path) -> None:
    home.remember_dataset(table_dataset(tmp_path / "mine", ["a.wav,Bark", "b.wav,Meow"]))
    at = tables()
    assert at.segmented_control(key="truth-from").options == ["Upload", "Path"]
    at = own_truth(uploaded(at, "submission", SUBMISSION))
    assert figures(at)["Clips"] == "3"
    assert any(text.startswith("**c.wav**") for text in texts(at.markdown))


def test_another_dataset_without_test_clips_is_not_offered_as_the_truth(
    home: Workspace, tmp_path: Path, submission: Path, sounds: Path
) -> None:
    at = uploaded(tables(), "submission", submission.read_bytes())
    folder = table_dataset(tmp_path / "mine", ["a.wav,Bark", "b.wav,Meow"])
    home.remember_dataset(folder)
    at = at.run()
    at = at.selectbox(key="dataset").set_value(folder).run()
    assert not at.exception
    assert not at.metric
    assert any(text.startswith("Give the truth above") for text in texts(at.info))


def test_a_folder_that_is_not_a_dataset_any_more_gives_a_message(home: Workspace, tmp_path: Path) -> None:
    folder = table_dataset(tmp_path / "mine", ["a.wav,Beep"])
    home.remember_dataset(folder)
    for file in folder.iterdir():
        file.unlink()
    at = tables()
    assert not at.exception
    assert any(f"{folder} is not a dataset" in text for text in texts(at.error))


def test_the_capstones_submission_shows_its_published_score_beside_the_others(home: Workspace, shared: Path) -> None:
    data = shared / "data/fsdkaggle2019"
    home.remember_dataset(data)
    at = uploaded(tables(), "submission", (data / "capstone_submission.csv").read_bytes())
    assert not at.error
    shown = figures(at)
    assert shown["Private, 3,361 clips"] == shown["lwlrap"] == "0.69788"
    scale = next(
        json.loads(chart.proto.spec) for chart in at.get("plotly_chart") if "this submission" in chart.proto.spec
    )
    marks = next(trace for trace in scale["data"] if trace.get("mode") == "markers")
    assert sorted(name.split("  ")[1] for name in marks["y"]) == ["0.53792", "0.69788", "0.69788", "0.75980"]
    assert any("Get FSDKaggle2019" in text for text in texts(at.info))  # its sounds are not here


def test_a_submission_of_other_clips_is_not_compared_with_published_scores(home: Workspace, submission: Path) -> None:
    at = uploaded(tables(), "submission", submission.read_bytes())
    assert not any("this submission" in chart.proto.spec for chart in at.get("plotly_chart"))
