"""Members of a blend are trained once each; what is there already is used again."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from audiotag.blending import member_training
from audiotag.blending.member_training import plan_members, recipes_matching, train_members
from audiotag.cli.main import main
from audiotag.errors import AudiotagError
from audiotag.tagging import familiarity_measurement
from audiotag.tagging.card_reading import read_card
from audiotag.training import run_options
from audiotag.training.run_options import RunOptions
from audiotag.training.runs import RunSettings, create_run
from audiotag.workspace import Workspace

from .conftest import Trained


def test_patterns_stand_for_shipped_recipes_and_names_for_themselves() -> None:
    assert len(recipes_matching(["argus*"])) == 7
    assert recipes_matching(["mine.toml", "warm-up"]) == ["mine.toml", "warm-up"]


@pytest.mark.parametrize(
    ("names", "words"),
    [([], "name at least one recipe"), (["no*"], "no recipe is called no*"), (["argus*", "argus"], "argus more")],
)
def test_a_pattern_without_recipes_and_a_recipe_named_twice_are_refused(names: list[str], words: str) -> None:
    with pytest.raises(AudiotagError, match=words.replace("*", r"\*")):
        recipes_matching(names)


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch, trained: Trained) -> list[str]:
    """The recipes that were trained; instead of training, a member is a copy of an ensemble with another recipe."""
    done: list[str] = []

    def train_run(settings: RunSettings, workspace: Workspace, progress: Any) -> RunSettings:
        done.append(settings.recipe.name)
        return settings

    def publish(settings: RunSettings, name: str, parent: Path) -> Path:
        (parent / name).mkdir(parents=True)
        for file in trained.members[0].iterdir():
            (parent / name / file.name).write_bytes(file.read_bytes())
        change_card(parent / name, recipe=settings.recipe.to_dict())
        return parent / name

    monkeypatch.setattr(member_training, "train_run", train_run)
    monkeypatch.setattr(member_training, "publish", publish)
    monkeypatch.setattr(familiarity_measurement, "measure_and_save", lambda folder, dataset: None)
    return done


def change_card(folder: Path, **changes: object) -> None:
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | changes))


def options_of(dataset: Path, epochs: int = 1) -> RunOptions:
    return RunOptions(str(dataset), epochs=(epochs,))


@pytest.fixture
def workspace() -> Workspace:
    return Workspace()


def test_each_recipe_becomes_a_member_and_is_not_trained_again(
    trainings: list[str], trained: Trained, workspace: Workspace
) -> None:
    said: list[str] = []
    recipes = ["default", "quick"]
    planned = plan_members(recipes, options_of(trained.dataset), "both", workspace)
    assert not trainings
    folders = train_members(planned, workspace, said.append)
    assert [folder.name for folder in folders] == ["both-default", "both-quick"]
    assert [sentence.split(":")[0] for sentence in said] == ["member 1 of 2", "member 2 of 2"]
    assert plan_members(recipes, options_of(trained.dataset), "both", workspace) == planned
    assert train_members(planned, workspace) == folders
    assert trainings == recipes


def test_an_ensemble_of_other_options_or_clips_is_not_taken_for_a_member(
    trainings: list[str], trained: Trained, workspace: Workspace, tmp_path: Path
) -> None:
    options = options_of(trained.dataset)
    train_members(plan_members(["quick"], options, "mine", workspace), workspace)
    other = shutil.copytree(trained.dataset, tmp_path / "others")
    lines = (other / "clips.csv").read_text().splitlines(keepends=True)
    (other / "clips.csv").write_text("".join(lines[:-1]))
    for changed, reason in (
        (options_of(trained.dataset, epochs=2), "mine-quick is an ensemble of another recipe"),
        (options_of(other), "mine-quick was trained on other clips or labels than others has now"),
        (replace(options, corrected=True), r"mine-quick was trained with other settings \(corrected\)"),
    ):
        with pytest.raises(AudiotagError, match=reason):
            plan_members(["default", "quick"], changed, "mine", workspace)
    assert trainings == ["quick"]


def test_a_member_of_an_earlier_version_lacks_what_was_added_since(
    trainings: list[str], trained: Trained, workspace: Workspace
) -> None:
    options = options_of(trained.dataset)
    (folder,) = train_members(plan_members(["quick"], options, "mine", workspace), workspace)
    (folder / member_training.RUN_SETTINGS).unlink()
    recipe = read_card(folder).recipe
    change_card(folder, recipe={name: value for name, value in recipe.items() if name not in ("losses", "weights")})
    plan_members(["quick"], options, "mine", workspace)
    (folder / member_training.RUN_SETTINGS).write_text("damaged")
    plan_members(["quick"], options, "mine", workspace)


def test_a_member_whose_familiarity_was_not_measured_gets_it_later(
    trainings: list[str], trained: Trained, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = plan_members(["default", "quick"], options_of(trained.dataset), "mine", workspace)
    folders, measured = train_members(planned, workspace), []
    change_card(folders[0], familiar="known")
    monkeypatch.setattr(
        familiarity_measurement, "measure_and_save", lambda folder, dataset: measured.append((folder, dataset))
    )
    train_members(planned, workspace)
    assert measured == [(folders[1], trained.dataset)]


@pytest.mark.parametrize("is_published", [True, False])
def test_later_members_are_trained_as_the_first_one_was(
    is_published: bool, trainings: list[str], trained: Trained, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    options, said = options_of(trained.dataset), []
    first, _ = plan_members(["quick", "default"], options, "mine", workspace)
    if is_published:
        train_members([first], workspace)
    else:
        create_run(workspace, first.settings)
    monkeypatch.setattr(run_options, "knows_near_duplicates", lambda dataset, workspace: True)
    later = plan_members(["quick", "default"], options, "mine", workspace, said.append)
    assert [member.settings.keep_together for member in later] == [(), ()]
    assert said == [
        "As in the first member's training, labels are used as they are in the tables, and near-duplicates may be in "
        "different folds."
    ]
    new = plan_members(["quick", "default"], options_of(trained.dataset, epochs=3), "new", workspace)
    assert [member.settings.keep_together for member in new] == [("near-duplicates",)] * 2


def test_recipes_of_one_name_and_names_that_cannot_be_used_are_refused(
    trained: Trained, workspace: Workspace, tmp_path: Path
) -> None:
    for name in ("quick", "my own"):
        (tmp_path / f"{name}.toml").write_text('base = "quick"')
    options = options_of(trained.dataset)
    with pytest.raises(AudiotagError, match="different names, got two for the member mine-quick"):
        plan_members(["quick", str(tmp_path / "quick.toml")], options, "mine", workspace)
    with pytest.raises(AudiotagError, match="got 'mine-my own'"):
        plan_members([str(tmp_path / "my own.toml")], options, "mine", workspace)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--weights", "1,2,3"), "weights must be one per member (2), got 3"),
        (("--stack", "--stack-rate", "0"), "lr_scale must be"),
        (("--train", "quick"), "a blend must have at least two members, got 1"),
        (("--name", "mine two"), "letters, digits, - or _, got 'mine two'"),
        (("--name", "taken"), "an ensemble named taken exists already"),
        (("--epochs", "1,2,3"), "epochs must be one number, or one per stage"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_the_first_training(
    words: tuple[str, ...],
    reason: str,
    trainings: list[str],
    trained: Trained,
    workspace: Workspace,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (workspace.ensembles / "taken").mkdir(parents=True)
    command = ["blend", "--train", "default,quick", "--dataset", str(trained.dataset), "--name", "mine"]
    with pytest.raises(SystemExit) as ended:
        main([*command, *words])
    assert ended.value.code == 2
    assert reason in capsys.readouterr().err
    assert trainings == []
