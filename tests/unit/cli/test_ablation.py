"""``audiotag gains``, the name of ``audiotag ablation`` in version 0.1, still does the same."""

from collections.abc import Callable

import pytest

from audiotag.cli import main as main_module
from audiotag.cli.ablation import ablation

from ..conftest import CommandResult


@pytest.mark.parametrize("name", ["ablation", "gains"])
def test_both_names_run_the_same_command_with_the_same_options(name: str) -> None:
    options = main_module._parser().parse_args([name, "mine", "clips", "--subset", "all", "--keep", "--json"])
    assert options.run is ablation
    assert (options.ensemble, str(options.dataset), options.subset) == ("mine", "clips", "all")
    assert options.keep
    assert options.json


def test_only_the_new_name_is_listed(run: Callable[..., CommandResult]) -> None:
    listed = run("--help").out.split("commands:")[1]
    first_words = {line.split()[0] for line in listed.splitlines() if line.strip()}
    assert "ablation" in first_words
    assert "gains" not in first_words
