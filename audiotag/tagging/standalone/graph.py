"""Join the parts of a tagger into one ONNX graph: a loop over clips, and in it a loop over blocks of windows.

The waves of the Fourier transform are as large as some networks (10 MB for 1281 bins and 1024 samples), so the graph
has one period of a cosine and of a sine, and makes them when it is loaded.

The parts (`audiotag.tagging.standalone.clip_parts`) are exported one by one, become functions of the graph below, and
are then written out in the places where it calls them. A block has at most `WINDOWS_AT_ONCE` windows, so that the
networks need no more memory for a long sound than for a short one.

This module imports torch, so others import it inside functions.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence

import numpy as np
import onnx
import torch
from onnx import helper, inliner, numpy_helper, parser
from torch import nn

from audiotag.features.mel import window
from audiotag.features.settings import SpectrogramSettings
from audiotag.tagging.standalone.front_end import one_period, waves_of

OPSET = 17
IR_VERSION = 8  # the one of that opset
DOMAIN = "audiotag"  # of the functions, until they are inlined
WINDOWS_AT_ONCE = 8  # so few that their activations fit into a CPU's cache
SMALLEST_HALVED = 1024  # values; smaller arrays are not worth a conversion
LENGTHS_VARY = ("samples", "sound", "levels", "starts")  # inputs of functions that are of any length in the last axis

GRAPH = """
<ir_version: {ir_version}, opset_import: ["" : {opset}, "{domain}" : 1]>
tagger (float[batch, samples] waveform) => (float[batch, {labels}] scores)
{{
    yes = Constant <value = bool {{1}}> ()
    block_size = Constant <value_ints = [{block}]> ()
    one = Constant <value_int = 1> ()
    zero = Constant <value_int = 0> ()
    bins = Constant <value_int = {bins}> ()
    n_fft = Constant <value_int = {n_fft}> ()
    win_length = Constant <value_int = {win_length}> ()
    wave_shape = Constant <value_ints = [-1, 1, {win_length}]> ()
    bin = Range (zero, bins, one)
    sample = Range (zero, win_length, one)
    column_shape = Constant <value_ints = [-1, 1]> ()
    bin_column = Reshape (bin, column_shape)
    products = Mul (bin_column, sample)
    phases = Mod (products, n_fft)
    both = Gather <axis = 1> (period, phases)
    windowed = Mul (both, window)
    waves = Reshape (windowed, wave_shape)
    length = Constant <value_int = {length}> ()
    offsets = Range (zero, length, one)
    nothing_yet = Constant <value = float[{folds}, {labels}] {{{zeros}}}> ()
    batch_shape = Shape <start = 0, end = 1> (waveform)
    batch = Squeeze (batch_shape)
    scores = Loop (batch, yes) <body = each_clip (int64 clip, bool go) => (bool go_on, float[{labels}] clip_scores) {{
        go_on = Identity (yes)
        samples = Gather <axis = 0> (waveform, clip)
        sound, levels, starts = {domain}.clip (samples, waves)
        windows_shape = Shape (starts)
        windows = Squeeze (windows_shape)
        before_last = Sub (windows, one)
        last_block = Div (before_last, block_size)
        blocks = Add (last_block, one)
        trips = Squeeze (blocks)
        of_folds = Loop (trips, yes, nothing_yet) <body = each_block (
            int64 block, bool block_go, float[{folds}, {labels}] earlier
        ) => (
            bool block_go_on, float[{folds}, {labels}] later
        ) {{
            block_go_on = Identity (yes)
            first = Mul (block, block_size)
            end = Add (first, block_size)
            block_starts = Slice (starts, first, end)
            later = {domain}.windows (sound, levels, block_starts, offsets, waves, earlier)
        }}>
        clip_scores = {domain}.fuse (of_folds, starts)
    }}>
}}
"""


def tagger_graph(
    clip: nn.Module, windows: nn.Module, fuse: nn.Module, shape: tuple[int, int], settings: SpectrogramSettings
) -> onnx.ModelProto:
    """The graph of a tagger: ``waveform`` (batch, samples) to ``scores`` (batch, labels).

    Parameters
    ----------
    clip : WaveformClip or SpectrogramClip
    windows : WindowScores
    fuse : ClipScores
    shape : tuple[int, int]
        Numbers of folds and of labels.
    settings : SpectrogramSettings
    """
    folds, labels = shape
    length = settings.frames if settings.crop == "spectrogram" else settings.clip_samples
    zeros = ", ".join(["0"] * (folds * labels))
    text = GRAPH.format(
        ir_version=IR_VERSION,
        opset=OPSET,
        domain=DOMAIN,
        labels=labels,
        folds=folds,
        block=WINDOWS_AT_ONCE,
        zeros=zeros,
        bins=settings.n_fft // 2 + 1,
        n_fft=settings.n_fft,
        win_length=settings.win_length,
        length=length,
    )
    model = parser.parse_model(text)
    arrays = {"period": one_period(settings.n_fft), "window": window(settings.window, settings.win_length)}
    model.graph.initializer.extend([numpy_helper.from_array(array, name) for name, array in arrays.items()])
    earlier, waves = torch.zeros(folds, labels), waves_of(settings)
    waveform = torch.linspace(-1, 1, 2 * settings.clip_samples)  # of several windows, as an example
    with torch.no_grad():
        sound, levels, starts = clip(waveform, waves)
    block = {"sound": sound, "levels": levels, "starts": starts[:2], "offsets": torch.arange(length)}
    block |= {"waves": waves, "earlier": earlier}
    model.functions.extend(
        [
            _function("clip", clip, {"samples": waveform, "waves": waves}, ("sound", "levels", "starts")),
            _function("windows", windows, block, ("later",)),
            _function("fuse", fuse, {"of_folds": earlier, "starts": starts}, ("clip_scores",)),
        ]
    )
    inlined = inliner.inline_local_functions(model)
    del inlined.opset_import[1:]
    _store_halves(inlined.graph)
    onnx.checker.check_model(inlined, full_check=True)
    return inlined


def _function(
    name: str, module: nn.Module, inputs: dict[str, torch.Tensor], outputs: Sequence[str]
) -> onnx.FunctionProto:
    """A module as a function of the graph; ``inputs`` are examples."""
    content = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        # They say that this exporter is the older one, and that a graph holds for one length of sounds, which is not so
        # for these modules; tests compare the graph with the tagger.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            tuple(inputs.values()),
            content,  # type: ignore[arg-type]  # the newer exporter takes only a path
            dynamo=False,
            opset_version=OPSET,
            training=torch.onnx.TrainingMode.PRESERVE,  # the weights stay as they are stored
            do_constant_folding=False,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={one: [tensor.ndim - 1] for one, tensor in inputs.items() if one in LENGTHS_VARY},
        )
    graph = onnx.load_from_string(content.getvalue()).graph
    constants = [helper.make_node("Constant", [], [one.name], value=one) for one in graph.initializer]
    return helper.make_function(
        DOMAIN, name, list(inputs), list(outputs), [*constants, *graph.node], [helper.make_opsetid("", OPSET)]
    )


def _store_halves(graph: onnx.GraphProto) -> None:
    """Store arrays with half the bytes where that loses nothing: published weights have 16 bits.

    ONNX Runtime converts them back once, when it loads the graph.
    """
    nodes = []
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                _store_halves(attribute.g)
        nodes += _halved(node)
    del graph.node[:]
    graph.node.extend(nodes)


def _halved(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """A constant node as one of 16-bit floats and a conversion; any other node, or one that would change, as it is."""
    tensors = [attribute.t for attribute in node.attribute if node.op_type == "Constant" and attribute.name == "value"]
    if not tensors or tensors[0].data_type != onnx.TensorProto.FLOAT:
        return [node]
    values = numpy_helper.to_array(tensors[0])
    with np.errstate(over="ignore"):
        halves = values.astype(np.float16)
    if values.size < SMALLEST_HALVED or not np.array_equal(halves.astype(np.float32), values):
        return [node]
    (name,) = node.output
    return [
        helper.make_node("Constant", [], [f"{name}_16"], value=numpy_helper.from_array(halves, f"{name}_16")),
        helper.make_node("Cast", [f"{name}_16"], [name], to=onnx.TensorProto.FLOAT),
    ]
