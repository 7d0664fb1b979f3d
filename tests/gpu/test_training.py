"""Networks train on the device in every precision, as on a CPU, from packed waveforms, exactly if that is asked."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from fastai.callback.core import Callback

from audiotag.augmentation.mask import Mask
from audiotag.features.settings import SpectrogramSettings
from audiotag.networks.xresnet.settings import XResNetSettings
from audiotag.training.backend import callbacks as callbacks_module
from audiotag.training.backend import precision as precision_module
from audiotag.training.backend.learner import FoldTrainer
from audiotag.training.backend.optimiser import optimiser_options
from audiotag.training.clips import Clip, LabelledClips
from audiotag.training.failures import reason_of
from audiotag.training.packed_waveforms import pack_waveforms
from audiotag.training.progress import EpochResult, FoldSplit, TrainingCallbacks
from audiotag.training.recipe import Recipe
from audiotag.training.recipe_files import load_recipe
from audiotag.training.stage import Stage

RATE, LABELS = 44_100, ("Buzz", "Hiss", "Hum", "Click")
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
SMALL = Recipe(
    "small", "Small", "For tests.", (Stage("curated", 4, 1e-3, mixup=0.4),), batch_size=8, optimiser="ranger",
    augment=(Mask("time", 8), Mask("mel", 8)), whole_frames=False, spectrogram=SpectrogramSettings(clip_s=0.25),
    network=XResNetSettings(depth=18, width=1 / 16, stem=4, self_attention=True, pool="max-blur"),
)  # fmt: skip
TOML = """
title = "Small"
about = "For tests."
folds = 2
batch_size = 8
[network]
depth = 18
width = 0.125
stem = 8
[[stages]]
subset = "curated"
epochs = 2
lr = 1e-3
"""


@pytest.fixture(scope="session")
def split(tmp_path_factory: pytest.TempPathFactory) -> FoldSplit:
    """16 clips of a second to train on, and 8 that are held out; in folders by their label."""
    folder = tmp_path_factory.mktemp("sounds")
    time_s, clips = np.arange(RATE) / RATE, []
    for number in range(24):
        rng, kind = np.random.default_rng(number), number % len(LABELS)
        hz = 100 * (1 + rng.integers(8))
        sounds = (np.sign(np.sin(2 * np.pi * hz * time_s)), rng.uniform(-1, 1, RATE), np.sin(2 * np.pi * hz * time_s))
        click = np.where(time_s % 0.25 < 0.005, rng.uniform(-1, 1, RATE), 0)
        path = folder / LABELS[kind] / f"{number}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, 0.3 * (*sounds, click)[kind], RATE)
        clips.append(Clip(f"{LABELS[kind]}/{number}.wav", path, 0, RATE, True))
    targets = np.eye(len(LABELS), dtype=np.float32)[np.arange(24) % len(LABELS)]
    return FoldSplit(LabelledClips(clips[:16], targets[:16]), LabelledClips(clips[16:], targets[16:]))


def train(
    recipe: Recipe,
    split: FoldSplit,
    device: Any,
    done: int = 0,
    state: dict[str, Any] | None = None,
    packed: Any = None,
) -> tuple[FoldTrainer, list[EpochResult], list[dict[str, Any]]]:
    """A fold after the recipe's stage, from where ``state`` left it; its epochs, and the state after each."""
    trainer = FoldTrainer(recipe, LABELS, 1, str(device), packed)
    if state is not None:
        trainer.restore(state)
    epochs: list[EpochResult] = []
    states: list[dict[str, Any]] = []

    def on_epoch(epoch: EpochResult, after: dict[str, Any]) -> None:
        epochs.append(epoch)
        states.append(after)

    callbacks = TrainingCallbacks(on_epoch, lambda *_: None, lambda: False)
    assert trainer.train(0, recipe.stages[0], split, callbacks, done)
    return trainer, epochs, states


def in_precision(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision_module, "precision_of", lambda device: precision)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one.cpu(), other.cpu())
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


@pytest.mark.parametrize("precision", list(DTYPES))
@pytest.mark.parametrize("name", ["capstone", "default", "argus"])
def test_published_networks_train_in_each_precision(
    name: str, precision: str, split: FoldSplit, cuda: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_precision(precision, monkeypatch)
    recipe = load_recipe(name)
    stage = Stage("curated", 2, 1e-4, mixup=0.4 if name == "capstone" else 0.0)
    recipe = replace(recipe, stages=(stage,), batch_size=8, schedule="constant")
    trainer, epochs, _ = train(recipe, split, cuda)
    assert np.isfinite([[epoch.train_loss, epoch.valid_loss, epoch.lwlrap] for epoch in epochs]).all()
    computed: set[torch.dtype] = set()
    convolution = next(module for module in trainer.network.modules() if isinstance(module, torch.nn.Conv2d))
    convolution.register_forward_hook(lambda module, given, out: computed.add(out.dtype))
    with precision_module.autocast_for(cuda, 128)(), torch.no_grad():
        trainer.network.eval()(torch.zeros(2, 1, 128, 128, device=cuda))
    assert computed == {DTYPES[precision]}
    scores = trainer.scores(split.valid, stage)
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()


@pytest.mark.filterwarnings("default")
def test_device_trains_as_the_cpu_does(split: FoldSplit, device: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    in_precision("fp32", monkeypatch)
    recipe = replace(SMALL, stages=(replace(SMALL.stages[0], epochs=2),), exact_resume=True)
    (here, expected, _), (there, epochs, _) = train(recipe, split, "cpu"), train(recipe, split, device)
    for one, other in zip(epochs, expected, strict=True):
        assert one.train_loss == pytest.approx(other.train_loss, abs=2e-2)
        assert one.valid_loss == pytest.approx(other.valid_loss, abs=2e-2)
    there.network.load_state_dict(here.network.state_dict())
    scores = [trainer.scores(split.valid, recipe.stages[0]) for trainer in (here, there)]
    np.testing.assert_allclose(*scores, rtol=0, atol=4e-3)
    assert {weight.device.type for weight in here.network.parameters()} == {"cpu"}  # though there is a GPU


@pytest.mark.filterwarnings("default")  # torch names operations without a deterministic version
@pytest.mark.parametrize("precision", ["bf16", "fp32"])
def test_resumed_training_is_exact_where_the_recipe_asks_for_it(
    precision: str, split: FoldSplit, device: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    if device.type == "cpu" and precision == "bf16":
        pytest.skip("the CPU's own precision is tested with its trainer")
    in_precision(precision, monkeypatch)
    recipe = replace(SMALL, exact_resume=True)
    whole, epochs, states = train(recipe, split, device)
    again, rest, _ = train(recipe, split, device, 2, states[1])
    assert [epoch.lwlrap for epoch in rest] == [epoch.lwlrap for epoch in epochs[2:]]
    assert same(again.state(), whole.state())
    scores = [trainer.scores(split.valid, recipe.stages[0]) for trainer in (whole, again)]
    np.testing.assert_array_equal(*scores)


@pytest.mark.filterwarnings("default")
def test_packed_waveforms_train_as_the_sounds_do(split: FoldSplit, device: torch.device, tmp_path: Path) -> None:
    recipe = replace(SMALL, exact_resume=True, stages=(replace(SMALL.stages[0], epochs=1),))
    clips = [*split.train.clips, *split.valid.clips]
    packed = pack_waveforms(clips, recipe.spectrogram, tmp_path, lambda sentence: None)
    assert same(train(recipe, split, device)[0].state(), train(recipe, split, device, packed=packed)[0].state())


class NoWaits(Callback):
    """Makes it an error that the training asks the GPU for a value, for which its queue would run empty."""

    order = -100

    def before_train(self) -> None:
        torch.cuda.set_sync_debug_mode("error")

    def after_train(self) -> None:
        torch.cuda.set_sync_debug_mode("default")

    after_cancel_fit = after_train


class WaitlessTrainer(FoldTrainer):
    def _learner(self, train: Any, valid: Any, callbacks: Any) -> Any:
        return super()._learner(train, valid, [*callbacks, NoWaits()])


@pytest.mark.parametrize("name", ["capstone", "argus"])
def test_training_asks_the_gpu_for_no_value(
    name: str, split: FoldSplit, cuda: torch.device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callbacks_module, "PROGRESS_EVERY_S", np.inf)
    recipe = replace(load_recipe(name), batch_size=8, stages=(Stage("curated", 2, 1e-4),), schedule="constant")
    packed = pack_waveforms(split.train.clips, recipe.spectrogram, tmp_path, lambda sentence: None)
    trainer = WaitlessTrainer(recipe, LABELS, 1, str(cuda), packed)
    callbacks = TrainingCallbacks(lambda *_: None, lambda *_: None, lambda: False)
    assert trainer.train(0, recipe.stages[0], split, callbacks)


@pytest.mark.parametrize("name", ["ranger", "adam"])
def test_step_of_all_weights_takes_few_kernels(name: str, cuda: torch.device) -> None:
    recipe = replace(load_recipe("capstone"), optimiser=name)
    network = recipe.network.build(80).to(cuda, memory_format=torch.channels_last)
    optimiser = optimiser_options(recipe, cuda)["opt_func"](list(network.parameters()), lr=1e-4)
    for _ in range(7):  # past the first steps of RAdam, to the slow weights of Lookahead
        network(torch.randn(2, 1, 128, 128, device=cuda).to(memory_format=torch.channels_last)).sum().backward()
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
            optimiser.step()
            torch.cuda.synchronize()
        optimiser.zero_grad()
    kernels = sum(event.count for event in profile.key_averages())
    assert 0 < kernels < 300  # fastai's loop takes more than 1,500


def test_out_of_memory_is_a_sentence_and_what_is_smaller_trains_afterwards(
    split: FoldSplit, cuda: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    total = torch.cuda.get_device_properties(cuda).total_memory
    many = split.train.rows(np.arange(2048) % 16)
    recipe = replace(load_recipe("capstone"), batch_size=2048, stages=(Stage("curated", 1, 1e-4),))
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(min(1.0, 6 * 2**30 / total), cuda)
    try:
        with pytest.raises(RuntimeError) as failed:
            train(recipe, replace(split, train=many), cuda)
        assert reason_of(failed.value).startswith("Memory ran out; use a smaller batch_size")
        del failed
        train(replace(SMALL, stages=(replace(SMALL.stages[0], epochs=1),)), split, cuda)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, cuda)


def test_two_folds_train_on_one_gpu_at_once(split: FoldSplit, cuda: torch.device, tmp_path: Path) -> None:
    recipe, folder = tmp_path / "small.toml", split.train.clips[0].path.parents[1]
    recipe.write_text(TOML)
    command = [sys.executable, "-m", "audiotag", "train", str(folder), "--recipe", str(recipe)]
    done = subprocess.run([*command, "--device", "cuda,cuda"], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
