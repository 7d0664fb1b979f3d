"""``audiotag gains``, the name of ``audiotag ablation`` in version 0.1, still does the same."""

import argparse

import pytest

from audiotag.cli.ablation import ablation, add_ablation


@pytest.fixture
def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    add_ablation(parser.add_subparsers(title="commands", metavar="COMMAND"))
    return parser


@pytest.mark.parametrize("name", ["ablation", "gains"])
def test_both_names_run_the_same_command_with_the_same_options(parser: argparse.ArgumentParser, name: str) -> None:
    options = parser.parse_args([name, "mine", "clips", "--subset", "all", "--keep", "--json"])
    assert options.run is ablation
    assert (options.ensemble, str(options.dataset), options.subset) == ("mine", "clips", "all")
    assert options.keep
    assert options.json


def test_only_the_new_name_is_listed(parser: argparse.ArgumentParser) -> None:
    first_words = {line.split()[0] for line in parser.format_help().splitlines() if line.strip()}
    assert "ablation" in first_words
    assert "gains" not in first_words
