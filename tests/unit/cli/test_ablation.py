"""The names of ``audiotag ablation`` and its options in version 0.1, which still do the same."""

import argparse

import pytest

from audiotag.cli.ablation import ablation, add_ablation


@pytest.fixture
def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    add_ablation(parser.add_subparsers(title="commands", metavar="COMMAND"))
    return parser


@pytest.mark.parametrize("name", ["ablation", "gains"])
@pytest.mark.parametrize("save", ["--save", "--keep"])
def test_both_names_run_the_same_command_with_the_same_options(
    parser: argparse.ArgumentParser, name: str, save: str
) -> None:
    options = parser.parse_args([name, "mine", "clips", "--subset", "all", save, "--json"])
    assert options.run is ablation
    assert (options.ensemble, str(options.dataset), options.subset) == ("mine", "clips", "all")
    assert options.save
    assert options.json


def test_only_the_new_names_are_listed(parser: argparse.ArgumentParser, capsys: pytest.CaptureFixture[str]) -> None:
    first_words = {line.split()[0] for line in parser.format_help().splitlines() if line.strip()}
    assert "ablation" in first_words
    assert "gains" not in first_words
    with pytest.raises(SystemExit):
        parser.parse_args(["ablation", "--help"])
    help_text = capsys.readouterr().out
    assert "--save" in help_text
    assert "--keep" not in help_text
