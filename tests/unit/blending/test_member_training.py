"""Members of a blend are trained once each; what is there already is used again."""

import json
from pathlib import Path
from typing import Any

import pytest

from audiotag.blending import member_training
from audiotag.blending.member_training import recipes_matching, train_members
from audiotag.errors import AudiotagError
from audiotag.training.run_options import RunOptions
from audiotag.training.runs import RunSettings
from audiotag.workspace import Workspace

from .conftest import Trained


def test_patterns_stand_for_shipped_recipes_and_names_for_themselves() -> None:
    assert len(recipes_matching(["argus*"])) == 7
    assert recipes_matching(["mine.toml", "warm-up"]) == ["mine.toml", "warm-up"]


@pytest.mark.parametrize(
    ("names", "words"), [(["no*"], "no recipe is called no*"), (["argus*", "argus"], "argus more")]
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
        card = json.loads((parent / name / "card.json").read_text())
        (parent / name / "card.json").write_text(json.dumps(card | {"recipe": settings.recipe.to_dict()}))
        return parent / name

    monkeypatch.setattr(member_training, "train_run", train_run)
    monkeypatch.setattr(member_training, "publish", publish)
    monkeypatch.setattr(member_training, "add_familiarity", lambda folder, run: None)
    return done


def test_each_recipe_becomes_a_member_and_is_not_trained_again(
    trainings: list[str], trained: Trained, tmp_path: Path
) -> None:
    workspace, said = Workspace(tmp_path / "home"), []
    options = RunOptions(str(trained.dataset), epochs=(1,))
    recipes = ["default", "quick"]
    folders = train_members(recipes, options, "both", workspace, said.append)
    assert [folder.name for folder in folders] == ["both-default", "both-quick"]
    assert [sentence.split(":")[0] for sentence in said] == ["member 1 of 2", "member 2 of 2"]
    assert train_members(recipes, options, "both", workspace) == folders
    assert trainings == recipes


def test_an_ensemble_of_other_options_is_not_taken_for_a_member(
    trainings: list[str], trained: Trained, tmp_path: Path
) -> None:
    workspace = Workspace(tmp_path / "home")
    train_members(["quick"], RunOptions(str(trained.dataset), epochs=(1,)), "mine", workspace)
    with pytest.raises(AudiotagError, match="mine-quick is an ensemble of another recipe"):
        train_members(["quick"], RunOptions(str(trained.dataset), epochs=(2,)), "mine", workspace)
    assert trainings == ["quick"]
