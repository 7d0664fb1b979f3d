"""Engines: each gives the reference's scores, for every kind of network, whatever windows go in together."""

import importlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from audiotag.features.log_mel import log_mel, network_input
from audiotag.features.settings import SpectrogramSettings
from audiotag.networks.xresnet.model import build_network, exportable, fold_spectral_norm
from audiotag.networks.xresnet.settings import XResNetSettings
from audiotag.tagging.engines import AT_ONCE, ENGINES, REFERENCE, Engine, needs_graph, open_graph, open_torch
from audiotag.tagging.onnx_export import onnx_graph

LABELS = 5
ON_CPU = tuple(name for name in ENGINES if name != "torch-cuda")
EXACT = tuple(name for name in ON_CPU if not name.endswith("bf16"))
LAST_BITS = 1e-5  # of a score, by how many windows go through a network together
KINDS = {
    "plain": (XResNetSettings(depth=18, width=1 / 16, stem=4, activation="relu"), {}),
    "attention": (
        XResNetSettings(depth=50, width=1 / 16, stem=4, self_attention=True, pool="max-blur", dropout=0.5),
        {"deltas": 2, "normalise": "clip"},
    ),
    "told its bands": (
        XResNetSettings(depth=18, width=1 / 16, stem=4, activation="relu", band_channel=True),
        {"normalise": "clip"},
    ),
    "frames at once": (
        XResNetSettings(depth=18, width=1 / 16, stem=4, activation="relu", band_channel=True, frames_at_once=3),
        {"hop_length": 345, "normalise": "clip"},
    ),
    "resized": (XResNetSettings(depth=18, width=1 / 32, stem=3, pool="max-blur"), {"resize": 48}),
}  # fmt: skip


@dataclass(repr=False)
class Case:
    """Networks of three folds, what they get of twenty sounds, and what they say one window at a time."""

    networks: list[torch.nn.Module]
    pictures: np.ndarray
    scores: np.ndarray
    graph: bytes


def random_network(settings: XResNetSettings, channels: int, seed: int) -> torch.nn.Module:
    """One whose every layer counts: fresh norms and attention end the paths that they lie on with zeros."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build_network(settings, LABELS, channels).eval()
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.data.uniform_(0.2, 0.4)
                module.bias.data.normal_(0, 0.1)
        for name, parameter in network.named_parameters():
            if name.endswith("gamma"):
                parameter.data.fill_(0.001)
    return fold_spectral_norm(network)


def graph_of(networks: list[torch.nn.Module], pictures: np.ndarray) -> bytes:
    return onnx_graph([exportable(network) for network in networks], pictures.shape[1:])


@pytest.fixture(scope="module", params=KINDS)
def case(request: pytest.FixtureRequest) -> Case:
    network, changes = KINDS[request.param]
    settings = SpectrogramSettings(clip_s=0.5, n_mels=32, **changes)
    rng = np.random.default_rng(1)
    sounds = rng.normal(size=(20, settings.clip_samples)) * 10 ** rng.uniform(-2, -0.7, (20, 1))
    sounds[::2] = np.sin(np.cumsum(0.2 + 0.1 * rng.random((10, 1)) * np.ones((1, settings.clip_samples)), axis=1))
    pictures = np.stack([network_input(log_mel(sound.astype(np.float32), settings), settings) for sound in sounds])
    networks = [random_network(network, settings.channels, seed) for seed in (1, 2, 3)]
    with torch.no_grad():
        # A batch norm's statistics, as training would have found them: else scores lie at 0 and 1.
        for fold in networks:
            for module in fold.modules():
                if isinstance(module, torch.nn.BatchNorm2d):
                    module.momentum = 1.0
            fold.train()(torch.from_numpy(pictures))
            fold.eval()
        scores = np.stack(
            [[fold(torch.from_numpy(one[None])).sigmoid().numpy()[0] for one in pictures] for fold in networks]
        )
    return Case(networks, pictures, scores, graph_of(networks, pictures))


def engine_of(name: str, case: Case) -> Engine:
    if needs_graph(name):
        pytest.importorskip(name.removesuffix("-bf16"), exc_type=ImportError)
        return open_graph(name, case.graph)
    try:
        return open_torch(name, case.networks)
    except RuntimeError as error:  # a processor without bfloat16
        pytest.skip(str(error))


def test_the_networks_of_these_tests_tell_sounds_labels_and_folds_apart(case: Case) -> None:
    assert case.scores.shape == (3, 20, LABELS)
    assert np.quantile(case.scores, 0.1) > 0.05
    assert np.quantile(case.scores, 0.9) < 0.95
    for axis in range(3):
        assert np.ptp(case.scores, axis=axis).mean() > 0.1


@pytest.mark.parametrize("name", ON_CPU)
def test_engine_gives_the_scores_of_the_networks_themselves(case: Case, name: str) -> None:
    scores = engine_of(name, case)(case.pictures)
    assert scores.dtype == np.float32
    assert scores.shape == case.scores.shape
    difference = np.abs(scores - case.scores)
    if name in EXACT:
        assert difference.max() < 1e-4
    else:  # attention takes products of three: what untrained networks say last may lie far off in bfloat16
        assert np.quantile(difference, 0.9) < 0.05


@pytest.mark.parametrize("name", ON_CPU)
def test_scores_of_a_window_do_not_depend_on_those_beside_it(case: Case, name: str) -> None:
    engine = engine_of(name, case)
    together = engine(case.pictures)
    tolerance = LAST_BITS if name in EXACT else 0.005
    for windows in ([7], [19, 0], list(range(AT_ONCE + 1)), list(range(19, -1, -1))):
        np.testing.assert_allclose(engine(case.pictures[windows]), together[:, windows], atol=tolerance)


@pytest.mark.parametrize("name", ON_CPU)
def test_the_same_windows_get_the_same_scores_to_the_last_bit(case: Case, name: str) -> None:
    engine = engine_of(name, case)
    np.testing.assert_array_equal(engine(case.pictures), engine(case.pictures))


@pytest.mark.parametrize("name", ON_CPU)
def test_several_threads_may_ask_one_engine(case: Case, name: str) -> None:
    engine = engine_of(name, case)
    alone = [engine(case.pictures[first : first + 5]) for first in range(0, 20, 5)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda first: engine(case.pictures[first : first + 5]), [0, 5, 10, 15] * 3))
    for number, scores in enumerate(found):
        np.testing.assert_allclose(scores, alone[number % 4], atol=LAST_BITS)


def test_engines_leave_the_callers_pictures_and_networks_as_they_are(case: Case) -> None:
    pictures = case.pictures.copy()
    for name in ON_CPU:
        engine_of(name, case)(pictures)
    np.testing.assert_array_equal(pictures, case.pictures)
    np.testing.assert_allclose(engine_of(REFERENCE, case)(pictures), case.scores, atol=1e-4)


def test_graph_holds_no_code_and_takes_any_number_of_windows(case: Case) -> None:
    onnx = importlib.import_module("onnx")
    model = onnx.load_from_string(case.graph)
    onnx.checker.check_model(model)
    (pictures,), (scores,) = model.graph.input, model.graph.output
    assert [pictures.name, scores.name] == ["pictures", "scores"]
    assert pictures.type.tensor_type.shape.dim[0].dim_param == "windows"
    assert [size.dim_value for size in pictures.type.tensor_type.shape.dim[1:]] == list(case.pictures.shape[1:])
    assert {opset.domain for opset in model.opset_import} == {""}  # operators of the standard alone
    assert not model.functions


def test_graph_of_the_same_networks_is_the_same_byte_for_byte(case: Case) -> None:
    assert graph_of(case.networks, case.pictures) == case.graph


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_gpu_that_is_not_there_is_an_error(case: Case) -> None:
    with pytest.raises(RuntimeError, match="no GPU"):
        open_torch("torch-cuda", case.networks)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_gpu_gives_the_reference_scores_and_leaves_the_networks_on_the_cpu(case: Case) -> None:
    scores = open_torch("torch-cuda", case.networks)(case.pictures)
    np.testing.assert_allclose(scores, case.scores, atol=0.01)
    np.testing.assert_allclose(open_torch(REFERENCE, case.networks)(case.pictures), case.scores, atol=1e-5)
