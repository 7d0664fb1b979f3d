"""Distilling an ensemble: who teaches which clip, what may be measured on what, and the network beside the folds."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch

from audiotag.distillation.measuring import compare
from audiotag.distillation.saving import save_single
from audiotag.distillation.source import Source, check_folds_are_the_same, find_source, unseen_folds
from audiotag.distillation.student_runs import student_run, taught_settings
from audiotag.errors import AudiotagError
from audiotag.tagging.bulk_job import fingerprint_of
from audiotag.tagging.card import CARD
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.opening import open_tagger
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.single_network import FILE, as_single_card
from audiotag.tagging.standalone.files import export_tagger
from audiotag.tagging.tagger import TRAINED_NOTE, Tagger
from audiotag.tagging.thresholds import read_saved_thresholds, save_thresholds
from audiotag.training.begun import open_session, read_trained_on
from audiotag.training.held_out import read_held_out
from audiotag.training.negatives import Negatives
from audiotag.training.publish import publish
from audiotag.training.runs import Run, RunSettings, create_run
from audiotag.training.teaching import Teacher, TeacherFiles, Teaching
from audiotag.training.worker import train_run_folder
from audiotag.workspace import Workspace, read_json, write_json

from ..conftest import SHORT_SOUNDS_HZ, SHORT_SOUNDS_LABELS, write_short_sounds
from ..training.short_runs import RECIPE

TEST_CLIPS = 6


class Distilled(SimpleNamespace):
    """An ensemble of two folds before (``plain``) and after (``folder``) its single network was saved, and its runs."""

    workspace: Workspace
    sounds: Path
    plain: Path
    folder: Path
    source: Source
    single: Run
    check: Run


def write_test_clips(folder: Path) -> None:
    (folder / "test").mkdir()
    lines = ["fname,labels"]
    for number in range(TEST_CLIPS):
        rng, time_s = np.random.default_rng(100 + number), np.arange(2000) / SHORT_SOUNDS_HZ
        sound = (np.sign(np.sin(1600 * time_s)), rng.normal(size=len(time_s)), np.sin(3100 * time_s))[number % 3]
        soundfile.write(folder / "test" / f"t{number}.wav", 0.2 * sound, SHORT_SOUNDS_HZ)
        lines.append(f"t{number}.wav,{SHORT_SOUNDS_LABELS[number % 3]}")
    (folder / "test_truth.csv").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def distilled(tmp_path_factory: pytest.TempPathFactory) -> Distilled:
    root = tmp_path_factory.mktemp("distil")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("AUDIOTAG_HOME", str(root / "home"))
        workspace = Workspace()
        sounds = write_short_sounds(root / "sounds", noisy_level=0.19)
        write_test_clips(sounds)
        run = create_run(workspace, RunSettings(str(sounds), RECIPE, device="cpu"))
        train_run_folder(run)
        folder = publish(run, "tiny", workspace.ensembles)
        plain = shutil.copytree(folder, root / "plain")
        source = find_source("tiny", workspace)
        runs = {}
        for network in ("single", "per-fold"):
            settings = taught_settings(source, Teaching("tiny", network=network), device="cpu")
            runs[network] = student_run(source, settings, workspace)
            train_run_folder(runs[network])
        save_single(source, runs["single"], runs["per-fold"])
    return Distilled(
        workspace=workspace, sounds=sounds, plain=plain, folder=folder, source=source,
        single=runs["single"], check=runs["per-fold"],
    )  # fmt: skip


@pytest.fixture(autouse=True)
def home(distilled: Distilled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIOTAG_HOME", str(distilled.workspace.root))


class Constant(torch.nn.Module):
    """A network that gives the same logits for all inputs."""

    def __init__(self, logit: float) -> None:
        super().__init__()
        self.logit = logit

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return torch.full((len(inputs), 2), self.logit)


def test_a_clip_is_taught_by_a_network_that_has_not_seen_it() -> None:
    may_teach = np.array([[True, False, False], [False, True, True], [False, False, False]])
    teacher = Teacher([Constant(0.0)] * 3, 1.0, may_teach)
    chosen = np.array([teacher.choose(np.arange(3), np.random.default_rng(seed)) for seed in range(60)])
    assert set(chosen[:, 0]) == {0}
    assert set(chosen[:, 1]) == {1, 2}
    assert set(chosen[:, 2]) == {0, 1, 2}  # all have seen it: they take turns


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_targets_are_labels_mixed_with_the_scores_of_the_clips_own_teacher(share: float) -> None:
    networks = [Constant(-1.0), Constant(2.0)]
    teacher = Teacher(networks, share, np.array([[True, False], [False, True]]))
    labels, items = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]]), np.array([1, 0, 1])
    mixed = teacher.targets(torch.zeros(3, 1, 4, 4), labels, items, np.random.default_rng(0))
    scores = torch.sigmoid(torch.tensor([2.0, -1.0, 2.0]))[:, None]
    assert torch.allclose(mixed, (1 - share) * labels + share * scores)
    assert not mixed.requires_grad


def test_the_single_network_trains_on_the_clips_of_all_folds_and_on_no_test_clip(distilled: Distilled) -> None:
    trained = read_trained_on(distilled.single)
    assert trained is not None
    assert trained["subset"].value_counts().to_dict() == {"curated": 16, "noisy": 12}
    session = open_session(distilled.single)
    (fold,) = session.folds
    assert fold not in {card.fold for card in distilled.source.card.folds}
    assert len(session.held_out("curated", fold).clips) == TEST_CLIPS
    finished = next(event for event in distilled.single.events() if event["event"] == "fold-finished")
    assert finished["clips"] == TEST_CLIPS


def test_the_teachers_of_a_clip_are_the_folds_that_held_it_out(distilled: Distilled) -> None:
    files = TeacherFiles.read(distilled.single.folder)
    session = open_session(distilled.check)
    for fold in session.folds:
        for clip in session.clips("curated").held_out(fold).clips:
            assert files.unseen[str(clip.path)] == [fold]


def test_a_network_taught_per_fold_is_measured_on_clips_that_neither_it_nor_its_teacher_was_trained_on(
    distilled: Distilled,
) -> None:
    session, known = open_session(distilled.check), unseen_folds(distilled.source, distilled.workspace)
    check_folds_are_the_same(session, known, distilled.source.card)
    taught = read_held_out(distilled.check, subsets=["curated"])
    trained = read_trained_on(distilled.check)
    assert trained is not None
    folds_of = dict(zip(trained["clip"], trained["folds"], strict=True))
    for clip, fold in zip(taught.clips["clip"], taught.clips["fold"], strict=True):
        assert str(fold) not in folds_of[clip].split()
    leaking = {path: [3 - fold for fold in folds] for path, folds in known.items()}
    with pytest.raises(AudiotagError, match=r"fold 1 of tiny was trained on \d+ of \d+ clips .*without --check"):
        check_folds_are_the_same(session, leaking, distilled.source.card)


def test_the_card_says_what_was_measured_of_both_on_the_same_clips(distilled: Distilled) -> None:
    card = read_card(distilled.folder)
    single = card.single
    assert single is not None
    assert single.out_of_fold is not None
    assert single.test is not None
    assert single.speed is not None
    assert single.out_of_fold.clips == 16
    assert single.out_of_fold.folds == pytest.approx(card.lwlrap, abs=1e-5)
    events = [event for event in distilled.check.events() if event["event"] == "fold-finished"]
    of_folds = [(event["lwlrap"], event["clips"]) for event in events]
    assert min(of_folds)[0] - 0.05 <= single.out_of_fold.single <= max(of_folds)[0] + 0.05
    assert single.test.clips == TEST_CLIPS
    assert 0 < single.out_of_fold.recordings <= 16
    assert all(0 <= share <= 1 for share in single.out_of_fold.agreement.values())
    assert min(single.speed.folds, single.speed.single) > 0
    assert any("out of fold" in sentence for sentence in single.sentences())


def test_saving_a_single_network_changes_nothing_of_the_folds(distilled: Distilled) -> None:
    before, after = read_json(distilled.plain / CARD), read_json(distilled.folder / CARD)
    assert {name: value for name, value in after.items() if name != "single"} == before
    assert read_card(distilled.folder).scoring_fields() == read_card(distilled.plain).scoring_fields()
    names = {path.name for path in distilled.folder.iterdir() if not path.name.startswith(".")}
    assert names - {path.name for path in distilled.plain.iterdir()} == {FILE}
    kept = fingerprint_of(Tagger(distilled.plain))
    assert fingerprint_of(Tagger(distilled.folder)) == kept


def test_fast_tagging_uses_the_single_network_alone_and_says_so(distilled: Distilled) -> None:
    sound = distilled.sounds / "test" / "t0.wav"
    fast, folds = Tagger(distilled.folder, fast=True), Tagger(distilled.folder)
    tags = fast.tag(sound)
    assert (tags.folds, tags.voter_words) == (1, "single network")
    assert {tags.votes_for(tag) for tag in tags.ranking} == {"single network"}
    assert folds.tag(sound).voter_words == "folds"
    assert fast.settings.fast
    from audiotag.tagging.weights import load_networks

    (network,) = load_networks(distilled.folder, as_single_card(read_card(distilled.folder)))
    inputs = next(iter(fast.inputs(sound))).plain
    with torch.inference_mode():
        expected = network(torch.from_numpy(inputs)).sigmoid().numpy()
    assert np.allclose(fast.evidence(sound).scores[0], expected, atol=2e-2)
    assert fingerprint_of(fast) != fingerprint_of(folds)
    assert json.dumps(fingerprint_of(fast)["tagging options"]).count("fast") == 1
    trained = fast.tag(distilled.sounds / "train_curated" / "00.wav")
    assert TRAINED_NOTE in trained.notes


def test_thresholds_that_the_user_saves_for_one_are_not_those_of_the_other(distilled: Distilled) -> None:
    card = read_card(distilled.folder)
    single = as_single_card(card)
    save_thresholds(distilled.workspace, card, [0.25] * len(card.labels))
    assert read_saved_thresholds(distilled.workspace, single) is None
    save_thresholds(distilled.workspace, single, [0.75] * len(card.labels))
    assert read_saved_thresholds(distilled.workspace, card) == (0.25,) * len(card.labels)


def test_an_ensemble_without_a_single_network_names_the_command_that_makes_one(distilled: Distilled) -> None:
    with pytest.raises(AudiotagError, match=r"tiny has no single network.*audiotag distil tiny"):
        Tagger(distilled.plain, fast=True)
    with pytest.raises(AudiotagError, match="audiotag distil tiny"):
        open_tagger(distilled.plain, TagSettings(fast=True))
    with pytest.raises(AudiotagError, match="fast must be off where folds are named"):
        TagSettings(fast=True, folds=(1,))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"file": "../single.safetensors"}, "single.file must be a safetensors file in its folder"),
        ({"thresholds": [0.5]}, "single.thresholds must be 3 numbers"),
        ({"mystery": 1}, "mystery is not a known field"),
        ({"share": "much"}, "a field of single is missing or of another type"),
        ({"test": {"clips": "six"}}, "a field of single is missing or of another type"),
    ],
)
def test_a_damaged_card_of_a_single_network_is_refused(
    distilled: Distilled, tmp_path: Path, change: dict, fault: str
) -> None:
    folder = shutil.copytree(distilled.folder, tmp_path / "copy")
    card = read_json(folder / CARD)
    write_json(folder / CARD, card | {"single": card["single"] | change})
    with pytest.raises(AudiotagError, match=fault):
        read_card(folder)


def test_damaged_weights_of_the_single_network_do_not_keep_the_folds_from_tagging(
    distilled: Distilled, tmp_path: Path
) -> None:
    folder = shutil.copytree(distilled.folder, tmp_path / "copy")
    (folder / FILE).write_bytes(b"no network")
    with pytest.raises(AudiotagError, match=f"{FILE} is damaged"):
        Tagger(folder, fast=True)
    assert Tagger(folder).tag(distilled.sounds / "test" / "t0.wav").folds == 2


def test_the_figures_of_a_single_networks_run_are_never_taken_for_out_of_fold_ones(distilled: Distilled) -> None:
    with pytest.raises(AudiotagError, match="so it has no out-of-fold scores"):
        read_held_out(distilled.single)
    with pytest.raises(AudiotagError, match="audiotag distil puts it beside the folds"):
        publish(distilled.single, "wrong", distilled.workspace.ensembles)


def test_the_same_settings_find_the_same_run_again_until_the_ensemble_is_another(distilled: Distilled) -> None:
    settings = distilled.single.settings()
    assert student_run(distilled.source, settings, distilled.workspace).name == distilled.single.name
    assert RunSettings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings
    other = replace(distilled.source, card=replace(distilled.source.card, folds=distilled.source.card.folds[:1]))
    assert student_run(other, settings, distilled.workspace).name != distilled.single.name


def test_settings_without_a_teacher_are_written_as_earlier_versions_wrote_them(distilled: Distilled) -> None:
    assert "teaching" not in RunSettings(str(distilled.sounds), RECIPE).to_dict()
    assert "fast" not in TagSettings().to_dict()


def test_a_stopped_run_goes_on_to_the_same_weights(distilled: Distilled) -> None:
    settings = replace(distilled.single.settings(), device="cpu")
    run = create_run(distilled.workspace, settings)
    shutil.copytree(distilled.single.folder / "teacher", run.folder / "teacher")
    shutil.copy(distilled.single.folder / "copies.json", run.folder)
    from audiotag.training import fold_training

    epochs = 0
    store = fold_training.FoldTraining._store_epoch

    def store_and_stop(training: fold_training.FoldTraining, *values: object) -> None:
        nonlocal epochs
        store(training, *values)  # type: ignore[arg-type]
        epochs += 1
        if epochs == 3:
            run.stop()

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fold_training.FoldTraining, "_store_epoch", store_and_stop)
        train_run_folder(run)
    assert run.state() == "stopped"
    for name in ("stop", "status.json"):
        (run.folder / name).unlink(missing_ok=True)
    train_run_folder(run)
    (fold,) = run.finished_folds()
    there = (distilled.single.fold_folder(fold) / "weights.safetensors").read_bytes()
    assert (run.fold_folder(fold) / "weights.safetensors").read_bytes() == there


def test_an_ensemble_whose_run_is_gone_asks_for_its_dataset(distilled: Distilled, tmp_path: Path) -> None:
    with pytest.raises(AudiotagError, match=r"name the dataset .* audiotag distil tiny DATASET"):
        find_source(distilled.plain, Workspace(tmp_path))
    source = find_source(distilled.plain, Workspace(tmp_path), distilled.sounds)
    assert source.run is None
    assert source.settings.recipe == distilled.source.settings.recipe


def test_a_run_is_found_also_where_its_dataset_is_named(distilled: Distilled) -> None:
    source = find_source(distilled.plain, distilled.workspace, distilled.sounds)
    assert source.run is not None
    assert source.settings == distilled.source.settings


def test_the_folder_of_sounds_without_labels_is_asked_for_where_only_the_card_names_it(
    distilled: Distilled, tmp_path: Path
) -> None:
    plain, rooms = shutil.copytree(distilled.plain, tmp_path / "plain"), tmp_path / "rooms"
    rooms.mkdir()
    soundfile.write(rooms / "hush.wav", np.zeros(800), SHORT_SOUNDS_HZ)
    card = json.loads((plain / "card.json").read_text())
    card["recipe"]["negatives"] = {"share": 0.1, "rendered": 3, "folder": "rooms"}
    (plain / "card.json").write_text(json.dumps(card))
    workspace = Workspace(tmp_path / "home")
    with pytest.raises(AudiotagError, match=r"sounds without labels, from a folder rooms; name it with --negatives"):
        find_source(plain, workspace, distilled.sounds)
    with pytest.raises(AudiotagError, match="tiny was not trained with sounds without labels; leave --negatives out"):
        find_source(distilled.plain, workspace, distilled.sounds, rooms)
    source = find_source(plain, workspace, distilled.sounds, rooms)
    assert source.settings.recipe.negatives == Negatives(0.1, 3, str(rooms))


def test_both_are_compared_on_the_same_clips() -> None:
    rng = np.random.default_rng(0)
    targets = np.eye(3)[rng.integers(3, size=40)]
    folds, units, half = rng.random((40, 3)), np.arange(40) // 2, (0.5, 0.5, 0.5)
    same = compare(("a", "b", "c"), targets, folds, folds, units, (half, half))
    assert (same.single, same.low, same.high) == (same.folds, 0.0, 0.0)
    assert same.agreement == {"a": 1.0, "b": 1.0, "c": 1.0}
    assert (same.clips, same.recordings) == (40, 20)
    better = compare(("a", "b", "c"), targets, folds, targets, units, (half, half))
    assert better.single == 1.0 > better.folds
    assert better.low is not None
    assert better.low > 0
    both = ((folds >= 0.5) & (targets >= 0.5)).sum(axis=0) / ((folds >= 0.5) | (targets >= 0.5)).sum(axis=0)
    assert list(better.agreement.values()) == pytest.approx(list(both), abs=1e-4)
    unlabelled = np.vstack([targets, np.zeros((5, 3))])
    more = compare(
        ("a", "b", "c"), unlabelled, np.vstack([folds, folds[:5]]), np.vstack([targets, folds[:5]]),
        np.append(units, [90] * 5), (half, half),
    )  # fmt: skip
    assert (more.clips, more.folds) == (40, better.folds)


def test_a_single_network_is_exported(distilled: Distilled, tmp_path: Path) -> None:
    export_tagger(distilled.folder, tmp_path / "single.onnx", TagSettings(fast=True))
    import onnxruntime

    session = onnxruntime.InferenceSession(tmp_path / "single.onnx")
    waveform = soundfile.read(distilled.sounds / "test" / "t1.wav", dtype="float32")[0]
    scores = session.run(None, {"waveform": waveform[None]})[0][0]
    tags = Tagger(distilled.folder, fast=True).tag(distilled.sounds / "test" / "t1.wav")
    expected = {tag.label: tag.score for tag in tags.ranking}
    for label, score in zip(SHORT_SOUNDS_LABELS, scores, strict=True):
        assert score == pytest.approx(expected[label], abs=2e-2)
