"""What a sweep varies: every combination is checked before anything is trained, and each fault is named."""

from collections.abc import Sequence

import pytest

from audiotag.errors import AudiotagError
from audiotag.features.presets import save_preset
from audiotag.features.settings import PRESETS
from audiotag.training.run_options import RunOptions
from audiotag.training.sweep_settings import MAX_RUNS, Combination, combinations, parse_varied
from audiotag.workspace import Workspace


def varied(*texts: str, preset: str = "") -> Sequence[Combination]:
    workspace = Workspace()
    settings = RunOptions(".", preset=preset, corrected=False).settings(workspace)
    return combinations(settings, parse_varied(texts), workspace, preset)


def test_every_combination_differs_from_the_common_settings_in_its_values_alone() -> None:
    workspace = Workspace()
    common = RunOptions(".", corrected=False).settings(workspace)
    runs = varied("n_mels=64,128", "clip_s=2,4", "network.width=0.5")
    assert [run.name for run in runs] == [
        f"n_mels {n_mels}, clip_s {clip_s}, network.width 0.5" for n_mels in (64, 128) for clip_s in (2, 4)
    ]
    for run in runs:
        recipe = run.settings.recipe
        assert recipe.spectrogram == common.recipe.spectrogram.with_changes(
            n_mels=run.values["n_mels"], clip_s=float(run.values["clip_s"])
        )
        assert (recipe.network.width, recipe.seed, recipe.stages) == (0.5, common.recipe.seed, common.recipe.stages)
    assert len({run.settings for run in runs}) == 4


def test_presets_networks_and_learning_rates_can_be_varied() -> None:
    mine = PRESETS["capstone"].with_changes(n_mels=96)
    save_preset("mine", mine, Workspace())
    spectrograms = [run.settings.recipe.spectrogram for run in varied("preset=capstone,mine")]
    assert spectrograms == [PRESETS["capstone"], mine]
    kinds = [run.settings.recipe.network.kind for run in varied("network.kind=xresnet,mobilenet-v1")]
    assert kinds == ["xresnet", "mobilenet-v1"]
    rates = [run.settings.recipe.stages[-1].lr for run in varied("learning_rate=1e-3,3e-3")]
    assert rates == [1e-3, 3e-3]
    assert [run.settings.recipe.loss for run in varied("loss=bce,focal")] == ["bce", "focal"]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["n_mels"], "what is varied must be a field and its values, like n_mels=64,128, got 'n_mels'."),
        (["n_mels="], "n_mels is varied without a value; write n_mels=VALUE,VALUE."),
        (["n_mels=64,64"], "n_mels must have each of its values once, got 64 twice; remove one of them"),
        (["f_max=16000,16000.0"], "f_max must have each of its values once, got 16000 twice; remove one of them"),
        (["n_mels=64", "spectrogram.n_mels=128"], "n_mels is varied twice; put all its values after one --vary."),
        (["n_mel=64,128"], "'n_mel' cannot be varied; did you mean n_mels?"),
        (["network=64,128"], "'network' cannot be varied; "),
        (["seed=1,2"], "seed cannot be varied: the runs of a sweep are compared on the same held-out clips, and seed "),
        (["n_mels=64"], "a sweep must have 2 to 100 combinations of values, got 1; vary a field with at least two"),
        (["n_mels=64,1000"], "n_mels 1000: n_mels must be a whole number from 8 to 512 bands, got 1000; 128 is common"),
        (["n_mels=64,many"], "n_mels many: n_mels must be a whole number from 8 to 512 bands, got 'many'; "),
        (["clip_s=4,nan"], "clip_s nan: clip_s must be a number from 0.1 to 60 s, got nan; "),
        (["f_max=20000,30000"], "f_max 30000: f_max must be at most 22050 Hz (half the sample rate), got 30000"),
        (["network.breadth=1,2"], "network.breadth 1: network.breadth is not a known field; the fields are depth, "),
        (["preset=capstone,nothing"], "preset nothing: nothing is not a preset; "),
        (["learning_rate=high,low"], "learning_rate high: learning_rate must be a number above 0 to 1, got 'high'; "),
        (["preset=capstone,warm-up", "n_mels=128", "n_fft=x"], "preset capstone, n_mels 128, n_fft x: n_fft must be"),
    ],
)
def test_faults_are_named_with_the_combination_and_the_rule(texts: list[str], message: str) -> None:
    with pytest.raises(AudiotagError) as raised:
        varied(*texts)
    assert str(raised.value).startswith(message)


def test_absurd_products_are_refused_before_they_are_built() -> None:
    numbers = ",".join(map(str, range(100, 1100)))
    with pytest.raises(AudiotagError, match=rf"2 to {MAX_RUNS} combinations of values, got 1,000,000,000; leave out"):
        varied(f"n_mels={numbers}", f"n_fft={numbers}", f"hop_length={numbers}")


def test_combinations_with_the_same_settings_are_refused() -> None:
    save_preset("twin", PRESETS["capstone"], Workspace())
    with pytest.raises(AudiotagError, match="preset capstone and preset twin are the same settings; leave out one"):
        varied("preset=capstone,twin")


def test_a_preset_cannot_be_varied_and_chosen() -> None:
    with pytest.raises(AudiotagError, match="preset is varied, so it cannot be argus for all runs as well"):
        varied("preset=capstone,warm-up", preset="argus")
