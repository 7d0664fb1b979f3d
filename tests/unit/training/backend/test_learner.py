"""The training of a fold: losses and schedules are the published ones, stages chain as they say, seeds decide all."""

from collections.abc import Iterator
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
TINIEST = 1e-12  # a rate that leaves weights where they are
CPU = torch.device("cpu")


def waveform(number: int) -> np.ndarray:
    rng, time_s = np.random.default_rng(number), np.arange(1500 + 250 * (number % 7)) / RATE
    tones = (np.sign(np.sin(1500 * time_s)), rng.normal(size=len(time_s)), np.sin(2 * np.pi * 500 * time_s))
    return (0.2 * tones[number % 3]).astype(np.float32)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Tests run side by side, and threads of arithmetic that wait for a core take it from the others."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


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
class Heard:
    """What a watch heard."""

    epochs: list[EpochResult] = field(default_factory=list)
    states: list[dict[str, Any]] = field(default_factory=list)
    batches: list[tuple] = field(default_factory=list)
    looks: int = 0


def watch(heard: Heard, stop_after: int = 10**9) -> TrainingCallbacks:
    def on_epoch(epoch: EpochResult, state: dict[str, Any]) -> None:
        heard.epochs.append(epoch)
        heard.states.append(state)

    def must_stop() -> bool:
        heard.looks += 1
        return heard.looks >= stop_after

    return TrainingCallbacks(on_epoch, lambda *told: heard.batches.append(told), must_stop)


def trained(
    split: FoldSplit, recipe: Recipe = RECIPE, fold: int = 1, stages: int = 2, **changes: Any
) -> tuple[FoldTrainer, Heard]:
    """A fold after so many of its stages; changes are of all of them."""
    trainer, heard = FoldTrainer(recipe, LABELS, fold, "cpu"), Heard()
    for number, stage in enumerate(recipe.stages[:stages]):
        assert trainer.train(number, replace(stage, **changes), split, watch(heard))
    return trainer, heard


def weights(trainer: FoldTrainer) -> torch.Tensor:
    """All that is learnt, in one row."""
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
    """All but the time that it took."""
    return {name: value for name, value in vars(epoch).items() if "seconds" not in name}


# Losses


@pytest.mark.parametrize("loss", ["bce", "focal"])
def test_loss_that_a_recipe_names_is_the_one_that_is_told(loss: Any, split: FoldSplit) -> None:
    plain = replace(RECIPE, loss=loss, augment=(), network=replace(RECIPE.network, dropout=0.0))
    trainer, heard = trained(split, plain, stages=1)
    scores = torch.from_numpy(trainer.scores(split.valid, FIRST))
    wanted = float(LOSSES.get(loss)(scores.double().logit(), torch.from_numpy(split.valid.targets)))
    assert heard.epochs[-1].valid_loss == pytest.approx(wanted, rel=1e-3)


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


def test_schedule_goes_on_where_it_was_in_a_stage_that_is_taken_up_again(
    split: FoldSplit, steps: list[dict[str, float]]
) -> None:
    recipe = replace(RECIPE, schedule="one-cycle")
    _, heard = trained(split, recipe, stages=1, epochs=4)
    whole = steps.copy()
    steps.clear()
    again = FoldTrainer(recipe, LABELS, 1, "cpu")
    again.restore(heard.states[1])
    assert again.train(0, replace(FIRST, epochs=4), split, watch(Heard()), done=2)
    assert steps == whole[4:]


def test_rate_that_is_told_of_an_epoch_is_that_of_its_last_step(
    split: FoldSplit, steps: list[dict[str, float]]
) -> None:
    _, heard = trained(split, stages=1, epochs=3)
    assert [epoch.lr for epoch in heard.epochs] == [step["lr"] for step in steps[1::2]]


# Stages


def taken(trainer: FoldTrainer) -> set[int]:
    """Steps that the optimiser has behind it."""
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
def test_stage_goes_on_with_the_weights_of_the_one_before(start: Any, split: FoldSplit) -> None:
    recipe = replace(RECIPE, stages=(FIRST, replace(SECOND, start=start, lr=TINIEST)))
    before, after = trained(split, recipe, stages=1)[0], trained(split, recipe)[0]
    torch.testing.assert_close(weights(after), weights(before), rtol=0, atol=1e-6)


def test_stage_from_scratch_knows_nothing_of_the_one_before(split: FoldSplit) -> None:
    anew = replace(RECIPE, stages=(FIRST, replace(SECOND, start="scratch")))
    other = replace(anew, stages=(replace(FIRST, lr=1e-4, epochs=1), anew.stages[1]))
    one, same_weights = trained(split, anew)[0], trained(split, other)[0]
    assert torch.equal(weights(one), weights(same_weights))
    untouched = replace(anew, stages=(FIRST, replace(SECOND, start="scratch", lr=TINIEST)))
    far = (weights(trained(split, untouched)[0]) - weights(trained(split, untouched, stages=1)[0])).abs()
    assert far.max() > 0.1


def test_first_stage_has_nothing_to_take_over(split: FoldSplit) -> None:
    """So that a dataset without noisy clips can begin with a stage that would go on."""
    ends = []
    for start in ("weights", "weights and optimiser"):
        stage, trainer = replace(FIRST, start=start), FoldTrainer(RECIPE, LABELS, 1, "cpu")  # type: ignore[arg-type]
        assert trainer.train(0, stage, split, watch(Heard()))
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
def test_other_folds_and_seeds_give_other_weights(change: dict[str, Any], split: FoldSplit) -> None:
    one, other = trained(split, stages=1)[0], trained(split, stages=1, **change)[0]
    assert not torch.equal(weights(one), weights(other))


def test_stages_folds_and_seeds_draw_by_seeds_of_their_own() -> None:
    seeds = [stage_seed(RECIPE, fold, stage) for fold in range(-1, 20) for stage in range(5)]
    each = [seed + part for seed in seeds for part in range(3)]  # training, held out, curated
    assert len(set(each)) == len(each)
    assert min(each) >= 0


@pytest.mark.parametrize("done", [1, 2])
def test_stage_that_is_taken_up_again_ends_as_one_that_was_left_alone(done: int, split: FoldSplit) -> None:
    recipe = replace(RECIPE, optimiser="ranger", stages=(FIRST, replace(SECOND, start="weights and optimiser")))
    whole, heard = trained(split, recipe)
    again, rest = FoldTrainer(recipe, LABELS, 1, "cpu"), Heard()
    again.restore(heard.states[done - 1])
    assert again.train(0, FIRST, split, watch(rest), done=done)
    assert again.train(1, recipe.stages[1], split, watch(rest))
    assert same(again.state(), whole.state())
    assert [figures(epoch) for epoch in rest.epochs] == [figures(epoch) for epoch in heard.epochs[done:]]


def test_state_is_a_copy_that_training_on_does_not_change(split: FoldSplit) -> None:
    trainer, _ = trained(split, stages=1)
    before = trainer.state()
    kept = weights(trainer).clone()
    assert trainer.train(1, SECOND, split, watch(Heard()))
    assert not torch.equal(weights(trainer), kept)
    trainer.restore(before)
    assert torch.equal(weights(trainer), kept)


# What is told


def test_epochs_are_told_one_by_one_with_figures_of_their_own_state(
    split: FoldSplit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with the scores that its own weights give the held-out clips, whole-framed and as they are."""
    monkeypatch.setattr(precision_module, "precision_of", lambda device: "fp32")  # that of the scores that are kept
    trainer, heard = trained(split, stages=1, epochs=3)
    assert [epoch.epoch for epoch in heard.epochs] == [1, 2, 3]
    for epoch, state in zip(heard.epochs, heard.states, strict=True):
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
        [c for c, kept in zip(split.valid.clips, keep, strict=True) if kept], split.valid.targets[keep]
    )
    _, heard = trained(FoldSplit(split.train, valid), stages=1)
    for epoch in heard.epochs:
        assert epoch.per_class[1] is None
        assert epoch.curated_lwlrap is None
        _, shares = lwlrap_per_class(valid.targets, np.zeros_like(valid.targets))
        weighed = sum(value * share for value, share in zip(epoch.per_class, shares, strict=True) if value is not None)
        assert weighed == pytest.approx(epoch.lwlrap, abs=1e-4)


def test_held_out_figures_of_epochs_carry_the_handicap_and_scores_do_not(split: FoldSplit) -> None:
    recipe = replace(RECIPE, augment=(Mask("time", 10), Mask("mel", 10)), augment_held_out=True)
    trainer, heard = trained(split, recipe, stages=1)
    plain = FoldTrainer(replace(recipe, augment_held_out=False), LABELS, 1, "cpu")
    plain.restore(heard.states[-1])
    np.testing.assert_array_equal(trainer.scores(split.valid, FIRST), plain.scores(split.valid, FIRST))
    network = build_network(RECIPE.network, 3).eval()
    network.load_state_dict(heard.states[-1]["network"])
    pictures = [log_mel(fit_length(waveform(number), SETTINGS), SETTINGS) for number in range(14, 21)]
    with torch.no_grad():
        by_hand = network(torch.from_numpy(np.stack(pictures))[:, None]).sigmoid().numpy()
    np.testing.assert_allclose(trainer.scores(split.valid, FIRST), by_hand, atol=1e-4)
    undisturbed = trained(split, replace(recipe, augment_held_out=False), stages=1)[1]
    assert [epoch.train_loss for epoch in undisturbed.epochs] == [epoch.train_loss for epoch in heard.epochs]
    assert [epoch.valid_loss for epoch in undisturbed.epochs] != [epoch.valid_loss for epoch in heard.epochs]


@pytest.mark.parametrize("stop_after", [1, 3, 5])
def test_stop_ends_after_the_batch_and_tells_no_epoch_that_is_not_done(stop_after: int, split: FoldSplit) -> None:
    """An epoch is two batches to train on and one to measure."""
    trainer, heard = FoldTrainer(RECIPE, LABELS, 1, "cpu"), Heard()
    assert not trainer.train(0, FIRST, split, watch(heard, stop_after))
    assert heard.looks == stop_after
    assert len(heard.epochs) == stop_after // 4


def test_batches_are_told_with_their_places_and_the_loss_so_far(
    split: FoldSplit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callbacks_module, "PROGRESS_EVERY_S", -1)
    _, heard = trained(split, stages=1)
    places = [(epoch, batch, batches, measuring) for epoch, batch, batches, _, measuring in heard.batches]
    assert places == [(epoch, *rest) for epoch in (1, 2) for rest in ((1, 2, False), (2, 2, False), (1, 1, True))]
    losses = [told[3] for told in heard.batches]
    assert losses[1::3] == losses[2::3] == [epoch.train_loss for epoch in heard.epochs]


@pytest.mark.parametrize("told_every_s", [-1, 1e9])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_loss_that_is_no_number_ends_training_with_a_sentence_and_no_epoch(
    value: float, told_every_s: float, split: FoldSplit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callbacks_module, "PROGRESS_EVERY_S", told_every_s)
    monkeypatch.setattr(learner_module, "LOSSES", {"bce": lambda logits, targets: logits.mean() * 0 + value})
    heard = Heard()
    with pytest.raises(FloatingPointError, match=f"loss became {value} in epoch 1; try a lower lr in the recipe"):
        FoldTrainer(RECIPE, LABELS, 1, "cpu").train(0, FIRST, split, watch(heard))
    assert heard.epochs == []


# Devices and precision


def test_narrow_pictures_are_trained_in_32_bits_on_a_cpu() -> None:
    """In bf16 oneDNN leaves gradients of convolutions over a map one pixel wide unwritten."""
    for frames, kind in ((16, nullcontext), (17, type(torch.autocast("cpu", torch.bfloat16)))):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(precision_module, "precision_of", lambda device: "bf16")
            assert type(precision_module.autocast_for(CPU, frames)()) is kind


def test_wide_pictures_that_training_crops_count_as_what_is_left_of_them(split: FoldSplit) -> None:
    widths = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(learner_module, "precision_callbacks", lambda device, places: widths.append(places) or [])
        for augment, at_once in (((), 1), ((TimeCrop(12),), 1), ((TimeCrop(12),), 2)):
            network = replace(RECIPE.network, frames_at_once=at_once)
            trainer = FoldTrainer(replace(RECIPE, augment=augment, network=network), LABELS, 1, "cpu")
            trainer.train(0, replace(FIRST, epochs=1), split, watch(Heard()))
    assert widths == [RECIPE.spectrogram.width, 12, 6]  # frames taken at once are one place


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_network_runs_in_the_precision_of_its_device_and_is_judged_in_32_bits(
    precision: str, split: FoldSplit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision_module, "precision_of", lambda device: precision)
    judged: list[torch.dtype] = []

    def noted(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        judged.append(logits.dtype)
        return binary_cross_entropy(logits, targets)

    monkeypatch.setattr(learner_module, "LOSSES", {"bce": noted})
    trainer = FoldTrainer(RECIPE, LABELS, 1, "cpu")
    computed: set[torch.dtype] = set()
    for module in trainer.network.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(lambda module, given, out: computed.add(out.dtype))
    heard = Heard()
    assert trainer.train(0, FIRST, split, watch(heard))
    assert set(judged) == {torch.float32}
    assert computed == {torch.bfloat16 if precision == "bf16" else torch.float32}
    computed.clear()
    scores = trainer.scores(split.valid, FIRST)
    assert computed == {torch.float32}  # what is kept of a fold is not rounded
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
    """The CPU does as a GPU: waveforms come, pictures are made where the network is."""
    make = learner_module.BatchLoader.__init__

    def made(loader: Any, *given: Any) -> None:
        make(loader, *given)
        loader.makes_pictures = False

    monkeypatch.setattr(learner_module.BatchLoader, "__init__", made)


def test_training_from_waveforms_on_the_device_gives_what_pictures_from_the_cpu_give(
    split: FoldSplit, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = SETTINGS.changed(normalise="batch", resize=24)
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
        trainer, heard = FoldTrainer(RECIPE, LABELS, 1, "cuda"), Heard()
        assert trainer.train(0, FIRST, split, watch(heard))
        ends.append((weights(trainer), [figures(epoch) for epoch in heard.epochs]))
    assert torch.equal(ends[0][0], ends[1][0])
    assert ends[0][1] == ends[1][1]
