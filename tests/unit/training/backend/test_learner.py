"""Training a fold: published losses and schedules, stages that follow each other as specified, one seed for all."""

from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from audiotag.augmentation.gain import Gain
from audiotag.augmentation.lighting import Lighting
from audiotag.augmentation.mask import Mask
from audiotag.augmentation.time_crop import TimeCrop
from audiotag.features.log_mel import log_mel
from audiotag.features.settings import SpectrogramSettings
from audiotag.features.trimming import fit_length
from audiotag.metrics import accuracy, lwlrap, lwlrap_per_class
from audiotag.networks.xresnet.model import build_network
from audiotag.networks.xresnet.settings import XResNetSettings
from audiotag.training.backend import callbacks as callbacks_module
from audiotag.training.backend import learner as learner_module
from audiotag.training.backend import precision as precision_module
from audiotag.training.backend.learner import FoldTrainer, stage_seed
from audiotag.training.backend.precision import precision_of
from audiotag.training.clips import Clip, LabelledClips
from audiotag.training.losses.base import LOSSES
from audiotag.training.losses.bce import binary_cross_entropy
from audiotag.training.progress import EpochResult, FoldSplit, TrainingCallbacks
from audiotag.training.recipe import Recipe, Stage

RATE = 8000
LABELS = ("Buzz", "Hiss", "Hum")
SETTINGS = SpectrogramSettings(
    sample_rate=RATE, clip_s=0.25, n_fft=256, win_length=256, hop_length=64, n_mels=16, f_max=4000.0
)
FIRST, SECOND = Stage("noisy", 2, 1e-2), Stage("curated", 2, 5e-3, mixup=0.4)
RECIPE = Recipe(
    "tiny", "Tiny", "For tests.", (FIRST, SECOND), batch_size=6, augment=(Mask("time", 3),), spectrogram=SETTINGS,
    network=XResNetSettings(depth=18, width=1 / 16, stem=4, activation="relu", dropout=0.1),
)  # fmt: skip
TINY_LR = 1e-12  # leaves weights as they are
CPU = torch.device("cpu")


def waveform(number: int) -> np.ndarray:
    rng, time_s = np.random.default_rng(number), np.arange(1500 + 250 * (number % 7)) / RATE
    tones = (np.sign(np.sin(1500 * time_s)), rng.normal(size=len(time_s)), np.sin(2 * np.pi * 500 * time_s))
    return (0.2 * tones[number % 3]).astype(np.float32)


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> FoldSplit:
    """Fourteen clips to train on, seven held out, and five others as if they were the curated ones."""
    folder = tmp_path_factory.mktemp("learner")
    clips, targets = [], np.eye(3, dtype=np.float32)[np.arange(26) % 3]
    targets[::5, 0] = 1
    for number in range(26):
        soundfile.write(folder / f"{number}.wav", waveform(number), RATE, subtype="FLOAT")
        clips.append(Clip(f"{number}.wav", folder / f"{number}.wav", 0, len(waveform(number)), True))
    train, valid, curated = (LabelledClips(clips[a:b], targets[a:b]) for a, b in ((0, 14), (14, 21), (21, 26)))
    return FoldSplit(train, valid, curated)


@dataclass
class Calls:
    """What the trainer passed to its callbacks."""

    epochs: list[EpochResult] = field(default_factory=list)
    states: list[dict[str, Any]] = field(default_factory=list)
    batches: list[tuple] = field(default_factory=list)
    stop_questions: int = 0


def recording(calls: Calls, stop_after: int = 10**9) -> TrainingCallbacks:
    def on_epoch(epoch: EpochResult, state: dict[str, Any]) -> None:
        calls.epochs.append(epoch)
        calls.states.append(state)

    def must_stop() -> bool:
        calls.stop_questions += 1
        return calls.stop_questions >= stop_after

    return TrainingCallbacks(on_epoch, lambda *batch: calls.batches.append(batch), must_stop)


@pytest.fixture(scope="module")
def plainly_trained(split: FoldSplit) -> tuple[FoldTrainer, Calls]:
    """A fold after the first stage of the recipe as it is; for tests that only read it."""
    return trained(split, stages=1)


def trained(
    split: FoldSplit, recipe: Recipe = RECIPE, fold: int = 1, stages: int = 2, **changes: Any
) -> tuple[FoldTrainer, Calls]:
    """A fold after so many of its stages, all of them with these changes."""
    trainer, calls = FoldTrainer(recipe, LABELS, fold, "cpu"), Calls()
    for number, stage in enumerate(recipe.stages[:stages]):
        assert trainer.train(number, replace(stage, **changes), split, recording(calls))
    return trainer, calls


def weights(trainer: FoldTrainer) -> torch.Tensor:
    """All parameters of the network, in one row."""
    return torch.cat([weight.detach().flatten() for weight in trainer.network.parameters()])


def same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def figures(epoch: EpochResult) -> dict[str, Any]:
    """All but the seconds."""
    return {name: value for name, value in vars(epoch).items() if "seconds" not in name}


# Losses


@pytest.mark.parametrize("loss", ["bce", "focal"])
def test_reported_loss_is_the_one_that_the_recipe_names(loss: Any, split: FoldSplit) -> None:
    plain = replace(RECIPE, loss=loss, augment=(), network=replace(RECIPE.network, dropout=0.0))
    trainer, calls = trained(split, plain, stages=1)
    scores = torch.from_numpy(trainer.scores(split.valid, FIRST))
    wanted = float(LOSSES.get(loss)(scores.double().logit(), torch.from_numpy(split.valid.targets)))
    assert calls.epochs[-1].valid_loss == pytest.approx(wanted, rel=1e-3)


# Schedules


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, float]]:
    """The hyper-parameters of every step that any of fastai's optimisers takes."""
    from fastai.optimizer import Optimizer

    taken: list[dict[str, float]] = []
    step = Optimizer.step

    def noted(optimiser: Any, *given: Any, **named: Any) -> Any:
        taken.append({name: float(value) for name, value in optimiser.hypers[-1].items()})
        return step(optimiser, *given, **named)

    monkeypatch.setattr(Optimizer, "step", noted)
    return taken


@pytest.mark.parametrize("optimiser", ["ranger", "adam"])
@pytest.mark.parametrize(("schedule", "fit"), [("one-cycle", "fit_one_cycle"), ("flat-cosine", "fit_flat_cos")])
def test_every_step_has_the_rate_momentum_and_weight_decay_that_fastai_gives_it(
    schedule: Any, fit: str, optimiser: Any, split: FoldSplit, steps: list[dict[str, float]]
) -> None:
    import fastai.callback.schedule  # noqa: F401  which gives Learner its fit_ methods
    from fastai.data.core import DataLoaders
    from fastai.data.load import DataLoader
    from fastai.learner import Learner
    from fastai.optimizer import Adam, ranger

    decay = {"weight_decay": 0.2} if schedule == "one-cycle" else {}  # the recipe's own is fastai's
    recipe = replace(RECIPE, schedule=schedule, optimiser=optimiser, **decay)
    trained(split, recipe, stages=1, epochs=4, lr=2e-3)
    ours = steps.copy()
    steps.clear()
    batches = DataLoader([(torch.ones(1), torch.ones(1))] * 12, bs=6)  # two batches an epoch, as above
    theirs = Learner(
        DataLoaders(batches, batches),
        torch.nn.Linear(1, 1),
        loss_func=torch.nn.functional.mse_loss,
        opt_func=ranger if optimiser == "ranger" else Adam,
    )
    with theirs.no_bar(), theirs.no_logging():
        getattr(theirs, fit)(4, 2e-3, wd=decay.get("weight_decay"))
    assert len(ours) == len(steps) == 8
    for mine, wanted in zip(ours, steps, strict=True):
        assert mine == pytest.approx(wanted, rel=1e-9)
    assert len({step["lr"] for step in ours}) == (8 if schedule == "one-cycle" else 2)  # flat for three quarters
    assert len({step["mom"] for step in ours}) == (7 if schedule == "one-cycle" else 1)  # down and up again


def test_schedule_of_a_resumed_stage_continues_where_it_was(split: FoldSplit, steps: list[dict[str, float]]) -> None:
    recipe = replace(RECIPE, schedule="one-cycle")
    _, calls = trained(split, recipe, stages=1, epochs=4)
    whole = steps.copy()
    steps.clear()
    again = FoldTrainer(recipe, LABELS, 1, "cpu")
    again.restore(calls.states[1])
    assert again.train(0, replace(FIRST, epochs=4), split, recording(Calls()), epochs_done=2)
    assert steps == whole[4:]


def test_reported_rate_of_an_epoch_is_that_of_its_last_step(split: FoldSplit, steps: list[dict[str, float]]) -> None:
    _, calls = trained(split, stages=1, epochs=3)
    assert [epoch.lr for epoch in calls.epochs] == [step["lr"] for step in steps[1::2]]


# Stages


def taken(trainer: FoldTrainer) -> set[int]:
    """Steps that the optimiser has taken."""
    assert trainer.optimiser is not None
    return {state["step"] for state in trainer.optimiser["state"] if "step" in state}


@pytest.mark.parametrize("optimiser", ["ranger", "adam"])
@pytest.mark.parametrize(("start", "steps_behind"), [("weights", 4), ("weights and optimiser", 8), ("scratch", 4)])
def test_optimisers_state_is_taken_over_only_where_the_stage_says_so(
    start: Any, steps_behind: int, optimiser: Any, split: FoldSplit
) -> None:
    recipe = replace(RECIPE, optimiser=optimiser, stages=(FIRST, replace(SECOND, start=start)))
    trainer, _ = trained(split, recipe)
    assert taken(trainer) == {steps_behind}
    if optimiser == "ranger":
        assert trainer.optimiser is not None
        assert trainer.optimiser["count"] == steps_behind  # of Lookahead


@pytest.mark.parametrize("start", ["weights", "weights and optimiser"])
def test_stage_continues_with_the_weights_of_the_one_before(
    start: Any, split: FoldSplit, plainly_trained: tuple[FoldTrainer, Calls]
) -> None:
    recipe = replace(RECIPE, stages=(FIRST, replace(SECOND, start=start, lr=TINY_LR)))
    before, after = plainly_trained[0], trained(split, recipe)[0]
    torch.testing.assert_close(weights(after), weights(before), rtol=0, atol=1e-6)


def test_stage_from_scratch_does_not_depend_on_the_one_before(
    split: FoldSplit, plainly_trained: tuple[FoldTrainer, Calls]
) -> None:
    one_epoch = replace(SECOND, start="scratch", epochs=1)  # too short to come near the weights of another start
    recipe = replace(RECIPE, stages=(FIRST, one_epoch))
    other = replace(recipe, stages=(replace(FIRST, lr=1e-4, epochs=1), one_epoch))
    trainer, same_weights = trained(split, recipe)[0], trained(split, other)[0]
    assert torch.equal(weights(trainer), weights(same_weights))
    assert (weights(trainer) - weights(plainly_trained[0])).abs().max() > 0.1


def test_first_stage_has_nothing_to_take_over(split: FoldSplit) -> None:
    """So that a dataset without noisy clips can begin with a stage that would continue another."""
    ends = []
    for start in ("weights", "weights and optimiser"):
        stage, trainer = replace(FIRST, start=start), FoldTrainer(RECIPE, LABELS, 1, "cpu")  # type: ignore[arg-type]
        assert trainer.train(0, stage, split, recording(Calls()))
        ends.append(weights(trainer))
        assert taken(trainer) == {4}
    assert torch.equal(*ends)


# Seeds


def test_same_seed_gives_the_same_weights_figures_and_state(split: FoldSplit) -> None:
    for recipe in (RECIPE, replace(RECIPE, optimiser="ranger", schedule="flat-cosine", balance=1.0)):
        runs = []
        for noise in (1, 2):
            torch.manual_seed(noise)  # what happened before does not matter
            np.random.seed(noise)  # noqa: NPY002
            runs.append(trained(split, recipe))
        (one, first), (other, second) = runs
        assert torch.equal(weights(one), weights(other))
        assert same(one.state(), other.state())
        assert [figures(epoch) for epoch in first.epochs] == [figures(epoch) for epoch in second.epochs]


@pytest.mark.parametrize("change", [{"fold": 2}, {"recipe": replace(RECIPE, seed=43)}])
def test_other_folds_and_seeds_give_other_weights(
    change: dict[str, Any], split: FoldSplit, plainly_trained: tuple[FoldTrainer, Calls]
) -> None:
    one, other = plainly_trained[0], trained(split, stages=1, **change)[0]
    assert not torch.equal(weights(one), weights(other))


def test_stages_folds_and_seeds_draw_by_seeds_of_their_own() -> None:
    seeds = [stage_seed(RECIPE, fold, stage) for fold in range(-1, 20) for stage in range(5)]
    each = [seed + part for seed in seeds for part in range(3)]  # training, held out, curated
    assert len(set(each)) == len(each)
    assert min(each) >= 0


@pytest.mark.parametrize("done", [1, 2])
def test_resumed_stage_ends_as_one_that_was_not_interrupted(done: int, split: FoldSplit) -> None:
    recipe = replace(RECIPE, optimiser="ranger", stages=(FIRST, replace(SECOND, start="weights and optimiser")))
    whole, calls = trained(split, recipe)
    again, rest = FoldTrainer(recipe, LABELS, 1, "cpu"), Calls()
    again.restore(calls.states[done - 1])
    assert again.train(0, FIRST, split, recording(rest), epochs_done=done)
    assert again.train(1, recipe.stages[1], split, recording(rest))
    assert same(again.state(), whole.state())
    assert [figures(epoch) for epoch in rest.epochs] == [figures(epoch) for epoch in calls.epochs[done:]]


def test_state_is_a_copy_that_training_on_does_not_change(split: FoldSplit) -> None:
    trainer, _ = trained(split, stages=1)
    before = trainer.state()
    saved = weights(trainer).clone()
    assert trainer.train(1, SECOND, split, recording(Calls()))
    assert not torch.equal(weights(trainer), saved)
    trainer.restore(before)
    assert torch.equal(weights(trainer), saved)


# Callbacks


def test_epochs_are_reported_one_by_one_with_figures_of_their_own_state(
    split: FoldSplit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with the scores of its own weights for the middle crops of the held-out clips."""
    monkeypatch.setattr(precision_module, "precision_of", lambda device: "fp32")  # as stored scores are computed
    trainer, calls = trained(split, stages=1, epochs=3)
    assert [epoch.epoch for epoch in calls.epochs] == [1, 2, 3]
    for epoch, state in zip(calls.epochs, calls.states, strict=True):
        trainer.restore(state)
        scores = trainer.scores(split.valid, FIRST)
        assert scores.shape == (7, 3)
        assert epoch.lwlrap == pytest.approx(lwlrap(split.valid.targets, scores), abs=1e-9)
        assert epoch.accuracy == pytest.approx(accuracy(split.valid.targets, scores), abs=1e-9)
        assert split.curated is not None
        curated = lwlrap(split.curated.targets, trainer.scores(split.curated, FIRST))
        assert epoch.curated_lwlrap == pytest.approx(curated, abs=1e-9)
        per_class, shares = lwlrap_per_class(split.valid.targets, scores)
        assert epoch.per_class == [round(float(value), 4) for value in per_class]
        assert float(np.dot(epoch.per_class, shares)) == pytest.approx(epoch.lwlrap, abs=1e-4)
        assert 0 <= epoch.train_loss < 5
        assert 0 <= epoch.train_seconds <= epoch.seconds


def test_label_without_a_held_out_positive_has_no_figure_and_no_weight(split: FoldSplit) -> None:
    keep = split.valid.targets[:, 1] == 0
    valid = LabelledClips(
        [c for c, saved in zip(split.valid.clips, keep, strict=True) if saved], split.valid.targets[keep]
    )
    _, calls = trained(FoldSplit(split.train, valid), stages=1)
    for epoch in calls.epochs:
        assert epoch.per_class[1] is None
        assert epoch.curated_lwlrap is None
        _, shares = lwlrap_per_class(valid.targets, np.zeros_like(valid.targets))
        weighed = sum(value * share for value, share in zip(epoch.per_class, shares, strict=True) if value is not None)
        assert weighed == pytest.approx(epoch.lwlrap, abs=1e-4)


def test_held_out_figures_of_epochs_carry_the_handicap_and_scores_do_not(split: FoldSplit) -> None:
    recipe = replace(RECIPE, augment=(Mask("time", 10), Mask("mel", 10)), augment_held_out=True)
    trainer, calls = trained(split, recipe, stages=1)
    plain = FoldTrainer(replace(recipe, augment_held_out=False), LABELS, 1, "cpu")
    plain.restore(calls.states[-1])
    np.testing.assert_array_equal(trainer.scores(split.valid, FIRST), plain.scores(split.valid, FIRST))
    network = build_network(RECIPE.network, 3).eval()
    network.load_state_dict(calls.states[-1]["network"])
    log_mels = [log_mel(fit_length(waveform(number), SETTINGS), SETTINGS) for number in range(14, 21)]
    with torch.no_grad():
        by_hand = network(torch.from_numpy(np.stack(log_mels))[:, None]).sigmoid().numpy()
    np.testing.assert_allclose(trainer.scores(split.valid, FIRST), by_hand, atol=1e-4)
    undisturbed = trained(split, replace(recipe, augment_held_out=False), stages=1)[1]
    assert [epoch.train_loss for epoch in undisturbed.epochs] == [epoch.train_loss for epoch in calls.epochs]
    assert [epoch.valid_loss for epoch in undisturbed.epochs] != [epoch.valid_loss for epoch in calls.epochs]


@pytest.mark.parametrize("stop_after", [1, 3, 5])
def test_stop_ends_after_the_batch_and_reports_no_unfinished_epoch(stop_after: int, split: FoldSplit) -> None:
    """An epoch is two batches to train on and one to measure."""
    trainer, calls = FoldTrainer(RECIPE, LABELS, 1, "cpu"), Calls()
    assert not trainer.train(0, FIRST, split, recording(calls, stop_after))
    assert calls.stop_questions == stop_after
    assert len(calls.epochs) == stop_after // 4


def test_batches_are_reported_with_their_numbers_and_the_loss_so_far(
    split: FoldSplit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callbacks_module, "PROGRESS_EVERY_S", -1)
    _, calls = trained(split, stages=1)
    places = [(epoch, batch, batches, measuring) for epoch, batch, batches, _, measuring in calls.batches]
    assert places == [(epoch, *rest) for epoch in (1, 2) for rest in ((1, 2, False), (2, 2, False), (1, 1, True))]
    losses = [batch[3] for batch in calls.batches]
    assert losses[1::3] == losses[2::3] == [epoch.train_loss for epoch in calls.epochs]


@pytest.mark.parametrize("progress_every_s", [-1, 1e9])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_loss_that_is_not_finite_ends_training_with_a_sentence_and_no_epoch(
    value: float, progress_every_s: float, split: FoldSplit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callbacks_module, "PROGRESS_EVERY_S", progress_every_s)
    monkeypatch.setattr(learner_module, "LOSSES", {"bce": lambda logits, targets: logits.mean() * 0 + value})
    calls = Calls()
    with pytest.raises(FloatingPointError, match=f"loss became {value} in epoch 1; try a lower lr in the recipe"):
        FoldTrainer(RECIPE, LABELS, 1, "cpu").train(0, FIRST, split, recording(calls))
    assert calls.epochs == []


# Devices and precision


def test_narrow_inputs_are_trained_in_32_bits_on_a_cpu() -> None:
    """In bf16 oneDNN leaves gradients of convolutions over a map one pixel wide unwritten."""
    for frames, kind in ((16, nullcontext), (17, type(torch.autocast("cpu", torch.bfloat16)))):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(precision_module, "precision_of", lambda device: "bf16")
            assert type(precision_module.autocast_for(CPU, frames)()) is kind


def test_width_that_decides_on_precision_is_that_after_cropping(split: FoldSplit) -> None:
    widths = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(learner_module, "precision_callbacks", lambda device, columns: widths.append(columns) or [])
        for augment, at_once in (((), 1), ((TimeCrop(12),), 1), ((TimeCrop(12),), 2)):
            network = replace(RECIPE.network, frames_at_once=at_once)
            trainer = FoldTrainer(replace(RECIPE, augment=augment, network=network), LABELS, 1, "cpu")
            trainer.train(0, replace(FIRST, epochs=1), split, recording(Calls()))
    assert widths == [RECIPE.spectrogram.width, 12, 6]  # frames taken at once are one place


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_network_runs_in_the_precision_of_its_device_and_its_loss_in_32_bits(
    precision: str, split: FoldSplit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision_module, "precision_of", lambda device: precision)
    loss_dtypes: list[torch.dtype] = []

    def noted(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        loss_dtypes.append(logits.dtype)
        return binary_cross_entropy(logits, targets)

    monkeypatch.setattr(learner_module, "LOSSES", {"bce": noted})
    trainer = FoldTrainer(RECIPE, LABELS, 1, "cpu")
    computed: set[torch.dtype] = set()
    for module in trainer.network.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(lambda module, given, out: computed.add(out.dtype))
    calls = Calls()
    assert trainer.train(0, FIRST, split, recording(calls))
    assert set(loss_dtypes) == {torch.float32}
    assert computed == {torch.bfloat16 if precision == "bf16" else torch.float32}
    computed.clear()
    scores = trainer.scores(split.valid, FIRST)
    assert computed == {torch.float32}  # stored scores are not rounded
    assert scores.dtype == np.float32
    assert {weight.dtype for weight in trainer.network.parameters()} == {torch.float32}
    assert not torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize(
    ("device", "fast", "precision"),
    [
        ("cpu", True, "bf16"),
        ("cpu", False, "fp32"),
        ("cuda", True, "bf16"),
        ("cuda", False, "fp16"),
        ("mps", True, "fp32"),
    ],
)
def test_precision_is_the_fastest_that_a_device_has(
    device: str, fast: bool, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fastai.callback.fp16 import MixedPrecision

    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: fast)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: fast)
    assert precision_of(torch.device(device)) == precision
    (callback,) = learner_module.precision_callbacks(torch.device(device), RECIPE.spectrogram.width)
    assert isinstance(callback, MixedPrecision) == (precision == "fp16")  # 16-bit floats alone need their loss scaled


def test_cpu_with_tiles_alone_is_fast_in_16_bits_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    assert precision_of(CPU) == "bf16"


def by_waveforms(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU behaves as a GPU: waveforms are loaded, and inputs are computed where the network is."""
    make = learner_module.BatchLoader.__init__

    def made(loader: Any, *given: Any) -> None:
        make(loader, *given)
        loader.makes_inputs = False

    monkeypatch.setattr(learner_module.BatchLoader, "__init__", made)


def test_training_from_waveforms_on_the_device_gives_what_inputs_from_the_cpu_give(
    split: FoldSplit, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = SETTINGS.with_changes(normalise="batch", resize=24)
    augment = (Gain(), Mask("time", 3), Mask("mel", 3), Lighting())
    recipe = replace(RECIPE, spectrogram=finished, augment=augment, augment_held_out=True)
    here = trained(split, recipe, lr=1e-4)
    by_waveforms(monkeypatch)
    there = trained(split, recipe, lr=1e-4)
    close = 2e-3 if precision_of(CPU) == "fp32" else 5e-2
    for mine, theirs in zip(here[1].epochs, there[1].epochs, strict=True):
        assert mine.train_loss == pytest.approx(theirs.train_loss, abs=close)
        assert mine.valid_loss == pytest.approx(theirs.valid_loss, abs=close)
    scores = [trainer.scores(split.valid, SECOND) for trainer, _ in (here, there)]
    np.testing.assert_allclose(*scores, rtol=0, atol=10 * close)


@pytest.mark.parametrize("waveforms", [False, True])
def test_batches_come_in_fastaudios_and_fastais_types(
    waveforms: bool, split: FoldSplit, monkeypatch: pytest.MonkeyPatch
) -> None:
    if waveforms:
        by_waveforms(monkeypatch)
    from fastai.torch_core import TensorMultiCategory
    from fastaudio.core.signal import AudioTensor
    from fastaudio.core.spectrogram import AudioSpectrogram

    loader = learner_module.BatchLoader(learner_module.Batches(split.train, RECIPE, FIRST, 1, True), CPU)
    batches = list(loader)
    assert len(batches) == len(loader) == 2
    for values, targets in batches:
        assert type(values) is (AudioTensor if waveforms else AudioSpectrogram)
        assert type(targets) is TensorMultiCategory
        assert values.shape == ((6, SETTINGS.clip_samples) if waveforms else (6, 1, 16, 32))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_same_seed_gives_the_same_weights_on_a_gpu(split: FoldSplit) -> None:
    ends = []
    for _ in range(2):
        trainer, calls = FoldTrainer(RECIPE, LABELS, 1, "cuda"), Calls()
        assert trainer.train(0, FIRST, split, recording(calls))
        ends.append((weights(trainer), [figures(epoch) for epoch in calls.epochs]))
    assert torch.equal(ends[0][0], ends[1][0])
    assert ends[0][1] == ends[1][1]
