"""Measure training and tagging on one GPU: ``python benchmarks/gpu.py [SECTION …] [--device cuda] [--out gpu.json]``.

It needs the repository and its packages alone (`benchmarks/gpu_setup.py` carries them to a machine without a network),
makes its own sounds, and ends within ``--minutes``, 6 by default: each section has its share of the time, one that
fails or comes too late does not lose the others, and the JSON file is written after each. ``--small`` tries the script
on a CPU. The sections:

- ``machine``: GPU, versions, and its ceilings: copies from the host and bf16 products.
- ``loading``: crops per second of 2 s, read from WAV files and copied from packed waveforms, by 1 and more threads.
- ``step``: spectrograms per second of ``capstone`` (XResNet-50, 128 × 128, batches of 64) with nothing to load: the
  network alone, then with log-mel and augmentation from waveforms on the device; in larger batches; as CUDA graphs.
- ``optimiser``: a step of fastai's Ranger and of that with foreach functions, in ms.
- ``training``: spectrograms per second of ``capstone``, ``default`` and ``argus`` (attention) in bf16, fp16 and fp32 as
  the trainer trains them; the share of the time in which it waits for a batch; the peak of the GPU's memory; without
  packed waveforms; with ``exact_resume``; seconds of an epoch's checkpoint.
- ``engines``: windows per second of the starter ensemble's five networks by batch size and arithmetic, and the largest
  difference of a score from torch's on the CPU; ONNX Runtime's CUDA provider, where it is installed.
- ``bulk``: clips per second of 5 s, and times real time, in bulk tagging; network inputs per second that the CPU makes.
- ``compiled``: as ``step``, with ``torch.compile``; the last, because compiling takes a minute or more.

What to expect on an H100-class GPU with 16 cores, before anything was measured on one. XResNet-50 takes 1.7 GMAC per
spectrogram, 10 GFLOP forward and backward: 2,170 spectrograms per second (2.6 million in 20 minutes) are 22 TFLOP/s,
3 % of the bf16 peak, and leave 29 ms for a batch of 64. Starting kernels may take longer than they run: fastai's
Ranger starts more than 1,500 per step, 8 to 15 ms, foreach functions some dozens; forward and backward start about
1,200, 8 to 12 ms, so 4,000 to 8,000 spectrograms per second unless they are captured as a graph. Packed crops of 2 s
are 176 kB: 10,000 per second are 1.8 GB/s, a tenth of what PCIe 4 copies, and half a core. Of 20 minutes, measuring
the held-out clips (0.65 million, forward alone) takes 8 % of the training's time, and 70 checkpoints of 400 MB per
fold are written beside it. Tagging at 20,000 times real time is 4,000 clips of 5 s per second, 4 ms of each of 16
cores. Of a WAV, a busy core took 2.2 ms to read it, 0.7 to hash it, 4.3 to measure how it differs from the training
sounds, 2.3 to make its log-mel, and 1.5 to turn scores into tags: 11 ms, so the CPU is the bound, not the five
networks (0.4 GFLOP per window each).
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gpu_bench import CLIP_S, LABELS, STARTER, Bench, guarded, table, timed_waits, trained_in

from audiotag.processors import usable_cpus
from audiotag.tagging.bulk import tag_files
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.engines import open_torch
from audiotag.tagging.fold_networks import FoldNetworks
from audiotag.tagging.sound_files import SoundFile
from audiotag.tagging.tagger import Tagger
from audiotag.tagging.weights import load_networks
from audiotag.training.backend import precision as precision_module
from audiotag.training.backend.callbacks import InputsOnDevice
from audiotag.training.backend.learner import FoldTrainer
from audiotag.training.backend.loader import BatchLoader
from audiotag.training.backend.optimiser import OPTIMISERS, optimiser_options
from audiotag.training.batch_loss import BatchLoss
from audiotag.training.batches import Batches
from audiotag.training.checkpoints import save_checkpoint
from audiotag.training.progress import EpochResult, FoldSplit, TrainingCallbacks
from audiotag.training.recipe import Recipe
from audiotag.workspace import write_json

BUDGETS_S = {
    "machine": 10, "loading": 25, "step": 30, "optimiser": 15, "training": 110, "engines": 45, "bulk": 50,
    "compiled": 60,
}  # fmt: skip
GRACE_S = 20  # after the whole time the script is ended wherever it is


def machine(bench: Bench) -> dict[str, Any]:
    """Names, versions and ceilings."""
    found: dict[str, Any] = {"torch": torch.__version__, "cores": usable_cpus(), "device": str(bench.device)}
    if bench.device.type == "cuda":
        properties = torch.cuda.get_device_properties(bench.device)
        found |= {"GPU": properties.name, "GiB": round(properties.total_memory / 2**30, 1)}
        found |= {"CUDA": torch.version.cuda, "cuDNN": torch.backends.cudnn.version()}
        host = torch.empty(2**28, dtype=torch.uint8, pin_memory=True)
        there = torch.empty_like(host, device=bench.device)
        found["GB/s from the host"] = bench.per_second(lambda: there.copy_(host, non_blocking=True), 2**28, 1) / 1e9
    side = bench.of_size(8192, 256)
    one, other = (torch.randn(side, side, device=bench.device, dtype=torch.bfloat16) for _ in range(2))
    found["TFLOP/s of bf16 products"] = bench.per_second(lambda: one @ other, 2 * side**3, 1) / 1e12
    return found


def loading(bench: Bench) -> dict[str, Any]:
    """Crops per second by threads."""
    clips, recipe = bench.clips(), bench.recipe("capstone", bench.of_size(200, 4))
    found: dict[str, Any] = {}
    began = time.perf_counter()
    packed = bench.packed(clips, recipe)
    found["times real time of packing"] = round(len(clips.clips) * CLIP_S / (time.perf_counter() - began))
    cores = usable_cpus()
    for name, source in (("files", None), ("packed", packed)):
        batches = Batches(clips, recipe, recipe.stages[0], 0, True, source)
        for workers in sorted({1, 4, cores // 2 or 1, cores}):
            for epoch in (0, 1):  # the first one fills the page cache and compiles
                began, made = time.perf_counter(), 0
                for batch in islice(
                    batches.epoch(epoch, False, workers), bench.of_size(40 if source is None else 200, 2)
                ):
                    made += len(batch.items)
            found[f"crops/s, {name}, {workers} threads"] = round(made / (time.perf_counter() - began))
    return found


class Steps:
    """Steps of the capstone's network on a batch that is on the device already."""

    def __init__(self, bench: Bench, batch_size: int = 0) -> None:
        clips, recipe = bench.clips(), bench.recipe("capstone", 2)
        self.recipe = replace(recipe, batch_size=batch_size) if batch_size else recipe
        labels, packed = tuple(map(str, range(LABELS))), bench.packed(clips, recipe)
        self.trainer = FoldTrainer(self.recipe, labels, 1, str(bench.device), packed)
        self.loader = BatchLoader(self.trainer._batches(clips, self.recipe.stages[0], 0, True), bench.device)
        self.loader.makes_inputs = False
        self.on_device = InputsOnDevice(self.loader, self.loader)
        _, self.loaded = next(self.loader.loaded_batches(0))
        self.inputs = self.make_inputs()
        self.size = len(self.inputs[0])
        self.autocast = precision_module.autocast_for(bench.device, self.inputs[0].shape[-1])

    def make_inputs(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Network inputs and targets from the waveforms on the device."""
        return self.on_device.inputs(self.loader, *self.loaded)

    def of(self, network: Any, autocast: Any = None, makes_inputs: bool = False) -> Callable[[], None]:
        """A call that takes a step with this network."""
        options = optimiser_options(self.recipe, self.trainer.device)
        optimiser = options["opt_func"](list(network.parameters()), lr=1e-4, wd=0.01)
        loss_of = BatchLoss("bce")

        def run() -> None:
            inputs, targets = self.make_inputs() if makes_inputs else self.inputs
            with (autocast or self.autocast)():
                logits = network(inputs)
            loss_of(logits.float(), targets).backward()
            optimiser.step()
            optimiser.zero_grad()

        return run


def step(bench: Bench) -> dict[str, Any]:
    """Spectrograms per second of a step on a batch that is on the device."""
    found: dict[str, Any] = {}
    steps = Steps(bench)
    network = steps.trainer.network.train()
    found["network alone"] = bench.per_second(steps.of(network), steps.size)
    found["with inputs from waveforms"] = bench.per_second(steps.of(network, makes_inputs=True), steps.size)
    found["inputs alone"] = bench.per_second(steps.make_inputs, steps.size)
    larger = Steps(bench, bench.of_size(256, 6))
    title = f"network alone, batches of {larger.size}"
    found[title] = bench.per_second(larger.of(larger.trainer.network.train()), larger.size)
    del larger
    if bench.device.type == "cuda":
        with guarded(found, "network alone, CUDA graphs"):

            def uncached() -> Any:
                return torch.autocast("cuda", torch.bfloat16, cache_enabled=False)

            with uncached():
                fresh, sample = steps.trainer.new_network().train(), (steps.inputs[0].clone(),)
                graphed = torch.cuda.make_graphed_callables(fresh, sample)
            found["network alone, CUDA graphs"] = bench.per_second(steps.of(graphed, uncached), steps.size)
    return found


def compiled(bench: Bench) -> dict[str, Any]:
    """The same with `torch.compile`, which takes a minute or more."""
    steps, began = Steps(bench), time.perf_counter()
    run = steps.of(torch.compile(steps.trainer.network.train()))
    run()
    bench.synchronise()
    seconds = round(time.perf_counter() - began, 1)
    return {"seconds of compiling": seconds, "network alone": bench.per_second(run, steps.size)}


def optimiser(bench: Bench) -> dict[str, Any]:
    """Milliseconds of a step of Ranger on the capstone's weights."""
    recipe = bench.recipe("capstone", 2)
    network = recipe.network.build(LABELS).to(bench.device)
    weights = list(network.parameters())
    found = {}
    for name, made in (
        ("fastai's", OPTIMISERS["ranger"](weights, lr=1e-4)),
        ("foreach", optimiser_options(recipe, torch.device("cuda"))["opt_func"](weights, lr=1e-4)),
    ):

        def step_once(made: Any = made) -> None:
            for weight in weights:
                weight.grad = weight.detach()
            made.step()

        found[f"ms per step, {name}"] = round(1000 / bench.per_second(step_once, 1), 2)
    return found


def training(bench: Bench) -> dict[str, Any]:
    """Spectrograms per second as the trainer trains, and what else an epoch takes."""
    clips = bench.clips()
    few = clips.rows(range(8))
    found: dict[str, Any] = {}
    variants = [("capstone", precision, True, False) for precision in ("bf16", "fp16", "fp32")]
    variants += [("capstone", "bf16", False, False), ("capstone", "bf16", True, True)]
    variants += [(name, precision, True, False) for name in ("default", "argus") for precision in ("bf16", "fp32")]
    for name, precision, is_packed, exact in variants:
        if bench.device.type != "cuda" and precision == "fp16":
            continue  # fastai's mixed precision knows CUDA alone
        title = f"{name} {precision}" + ("" if is_packed else ", from files") + (", exact" if exact else "")
        if bench.left_s() < 8:
            found[title] = "no time left"
            continue
        with guarded(found, title):
            recipe = replace(bench.recipe(name, bench.of_size(100, 2)), exact_resume=exact)
            found[title] = train_once(bench, recipe, precision, FoldSplit(clips, few), is_packed, found)
    return found


def train_once(
    bench: Bench, recipe: Recipe, precision: str, split: FoldSplit, is_packed: bool, found: dict[str, Any]
) -> dict[str, Any]:
    """Two epochs; the figures are those of the second."""
    epochs: list[EpochResult] = []
    states: list[dict[str, Any]] = []
    waited: list[float] = []

    def on_epoch(epoch: EpochResult, state: dict[str, Any]) -> None:
        epochs.append(epoch)
        states[:] = [state]
        waited[:] = waits[: recipe.batches_per_epoch(recipe.stages[0], 0)]
        waits.clear()

    if bench.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(bench.device)
    with trained_in(precision), timed_waits() as waits:
        packed = bench.packed(split.train, recipe) if is_packed else None
        trainer = FoldTrainer(recipe, tuple(map(str, range(LABELS))), 1, str(bench.device), packed)
        callbacks = TrainingCallbacks(on_epoch, lambda *_: None, lambda: False)
        trainer.train(0, recipe.stages[0], split, callbacks)
    last, drawn = epochs[-1], recipe.stages[0].draws
    row: dict[str, Any] = {"per s": round(drawn / last.train_seconds, 1), "loss": round(last.train_loss, 4)}
    row["share waiting"] = round(sum(waited) / last.train_seconds, 3)
    if bench.device.type == "cuda":
        row["GiB at most"] = round(torch.cuda.max_memory_allocated(bench.device) / 2**30, 2)
    if "seconds of a checkpoint" not in found:
        began = time.perf_counter()
        save_checkpoint(bench.folder, {"state": states[0]})
        found["seconds of a checkpoint"] = round(time.perf_counter() - began, 2)
    return row


def engines(bench: Bench) -> dict[str, Any]:
    """Windows per second of five networks, and how far their scores are from those of the reference."""
    card = read_card(STARTER)
    networks, settings = load_networks(STARTER, card), card.spectrogram
    shape = (settings.channels, settings.height, settings.width)
    inputs = np.random.default_rng(0).standard_normal((bench.of_size(1024, 8), *shape)).astype(np.float32)
    few = inputs[:16]
    reference = open_torch("torch", networks, card.network)(few).scores.mean(0)
    found: dict[str, Any] = {}
    name = "torch-cuda" if bench.device.type == "cuda" else "torch"
    engine = open_torch(name, networks, card.network)
    found["difference, engine"] = float(np.abs(engine(few).scores.mean(0) - reference).max())
    found["windows/s, engine"] = bench.per_second(lambda: engine(inputs), len(inputs))
    from audiotag.tagging.onnx_export import AllFolds

    folds = AllFolds(networks, card.network).eval().to(bench.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        for size in (32, 64, 256, 1024):
            with guarded(found, f"windows/s, {dtype}, {size}"), torch.inference_mode():
                batch = torch.from_numpy(inputs[:size]).to(bench.device)

                def run(batch: torch.Tensor = batch, dtype: torch.dtype = dtype) -> Any:
                    with torch.autocast(bench.device.type, dtype, enabled=dtype != torch.float32):
                        return folds(batch)

                found[f"windows/s, {dtype}, {size}"] = bench.per_second(run, len(batch), 1)
                if size == 32:
                    scores = run()[0][:, : len(few)].float().mean(0).cpu().numpy()
                    found[f"difference, {dtype}"] = float(np.abs(scores - reference).max())
    with guarded(found, "windows/s, ONNX Runtime's CUDA provider"):
        import onnxruntime

        if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
            found["windows/s, ONNX Runtime's CUDA provider"] = f"not in onnxruntime {onnxruntime.__version__}"
        else:
            from audiotag.tagging.onnx_export import onnx_graph

            graph = onnx_graph([card.network.exportable(network) for network in networks], card.network, shape)
            session = onnxruntime.InferenceSession(graph, providers=["CUDAExecutionProvider"])
            given = {session.get_inputs()[0].name: inputs[:256]}
            rate = bench.per_second(lambda: session.run(None, given), len(inputs[:256]), 1)
            found["windows/s, ONNX Runtime's CUDA provider"] = rate
    return found


def bulk(bench: Bench) -> dict[str, Any]:
    """Clips per second in bulk tagging, decoding included, and of the CPU's part alone."""
    bench.clips()
    os.environ.setdefault("AUDIOTAG_HOME", str(bench.folder / "workspace"))
    engine = "torch-cuda" if bench.device.type == "cuda" else "torch"
    os.environ["AUDIOTAG_ENGINE"] = "torch"  # opened below, without measuring the others
    tagger = Tagger(STARTER)
    opened = open_torch(engine, load_networks(STARTER, tagger.card), tagger.card.network)
    tagger.networks = FoldNetworks(tagger.card, len(tagger.card.folds), opened, uses_embeddings=True)
    found: dict[str, Any] = {"engine": engine}
    for suffix in ("wav", "flac"):
        paths = sorted(bench.folder.glob(f"*.{suffix}"))

        def make(path: Path) -> None:
            for _ in tagger.inputs(path):
                pass

        make(paths[0])
        for threads in sorted({1, 4, usable_cpus()}):
            some = (paths * 40)[: bench.of_size(100 * threads, 2)]
            with ThreadPoolExecutor(threads) as pool:
                began = time.perf_counter()
                list(pool.map(make, some))
            found[f"network inputs of clips/s, {suffix}, {threads} threads"] = round(
                len(some) / (time.perf_counter() - began)
            )
        files = [SoundFile(path, path.name) for path in paths] * bench.of_size(200, 1)
        tags, began, done = tag_files(tagger, files), 0.0, 0
        for result in tags:
            assert result.tags is not None, result.problem
            done += 1
            began = began or time.perf_counter()  # the first one warms up
            if bench.left_s() < 1 or time.perf_counter() - began > 8:
                break
        seconds = time.perf_counter() - began
        tags.close()
        found[f"clips/s, {suffix}"] = round((done - 1) / seconds, 1)
        found[f"times real time, {suffix}"] = round(CLIP_S * (done - 1) / seconds)
    return found


SECTIONS: dict[str, Callable[[Bench], dict[str, Any]]] = {
    "machine": machine, "loading": loading, "step": step, "optimiser": optimiser, "training": training,
    "engines": engines, "bulk": bulk, "compiled": compiled,
}  # fmt: skip


def main() -> None:
    """Run the sections, and print and write what they found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; all by default")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true", help="tiny networks and few clips, for a trial on a CPU")
    parser.add_argument("--minutes", type=float, default=6.0)
    parser.add_argument("--out", type=Path, default=Path("gpu.json"))
    options = parser.parse_args()
    if options.device.startswith("cuda") and not torch.cuda.is_available():
        parser.error("torch finds no GPU; --device cpu --small tries the script on a CPU.")
    began = time.monotonic()
    faulthandler.dump_traceback_later(60 * options.minutes + GRACE_S, exit=True)  # whatever hangs
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(torch.device(options.device), options.small, Path(folder))
        for name in options.sections or SECTIONS:
            left_s = 60 * options.minutes - (time.monotonic() - began)
            if left_s < min(20, BUDGETS_S[name]):
                bench.results[name] = {"": "no time left"}
                continue
            started = time.monotonic()
            bench.ends_at = started + min(left_s, BUDGETS_S[name])
            bench.results[name] = {}
            with guarded(bench.results[name], "section"):
                bench.results[name] = SECTIONS[name](bench)
            bench.results[name]["seconds"] = round(time.monotonic() - started, 1)
            write_json(options.out, bench.results)
            print(table(name, bench.results[name]), flush=True)
            with suppress(RuntimeError):
                torch.cuda.empty_cache()
    faulthandler.cancel_dump_traceback_later()
    print(f"all sections in {time.monotonic() - began:.0f} s; {options.out}")


if __name__ == "__main__":
    main()
