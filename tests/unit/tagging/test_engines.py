"""Every engine gives the reference's scores, for every kind of network and whatever windows are passed together."""

import importlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from audiotag.features.log_mel import log_mel, network_input
from audiotag.features.settings import SpectrogramSettings
from audiotag.networks.xresnet.model import fold_spectral_norm
from audiotag.networks.xresnet.settings import XResNetSettings
from audiotag.tagging.engines import (
    ENGINES,
    REFERENCE,
    WINDOWS_PER_REQUEST,
    Engine,
    needs_graph,
    open_graph,
    open_torch,
)
from audiotag.tagging.onnx_export import onnx_graph

LABELS, FOLDS, SOUNDS = 5, 3, 20
ON_CPU = tuple(name for name in ENGINES if name != "torch-cuda")
EXACT = tuple(name for name in ON_CPU if not name.endswith("bf16"))
LAST_BITS = 1e-5  # largest change of a score if other windows go through the network with it
KINDS = {
    "plain": (XResNetSettings(depth=18, width=1 / 16, stem=4, activation="relu"), {}),
    "attention": (
        XResNetSettings(depth=50, width=1 / 16, stem=4, self_attention=True, pool="max-blur", dropout=0.5),
        {"deltas": 2, "normalise": "clip"},
    ),
    "band channel": (
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
    """Networks of all folds, their inputs from some sounds, and their scores of one window at a time."""

    settings: XResNetSettings
    networks: list[torch.nn.Module]
    inputs: np.ndarray
    scores: np.ndarray
    graph: bytes
    engines: dict[str, Engine] = field(default_factory=dict)

    def engine(self, name: str) -> Engine:
        """Opened once; skips the test where this machine cannot run it."""
        if name not in self.engines:
            self.engines[name] = self._opened(name)
        return self.engines[name]

    def _opened(self, name: str) -> Engine:
        if needs_graph(name):
            pytest.importorskip(name.removesuffix("-bf16"), exc_type=ImportError)
            return open_graph(name, self.graph)
        try:
            return open_torch(name, self.networks, self.settings)
        except RuntimeError as error:  # a processor without bfloat16
            pytest.skip(str(error))


def random_network(settings: XResNetSettings, channels: int, seed: int) -> torch.nn.Module:
    """A network in which every layer counts: fresh norms and attention end their paths with zeros."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = settings.build(LABELS, channels).eval()
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.data.uniform_(0.2, 0.4)
                module.bias.data.normal_(0, 0.1)
        for name, parameter in network.named_parameters():
            if name.endswith("gamma"):
                parameter.data.fill_(0.001)
    return fold_spectral_norm(network)


def graph_of(settings: XResNetSettings, networks: list[torch.nn.Module], inputs: np.ndarray) -> bytes:
    return onnx_graph([settings.exportable(network) for network in networks], settings, inputs.shape[1:])


def case_of(kind: str) -> Case:
    network, changes = KINDS[kind]
    settings = SpectrogramSettings(clip_s=0.5, n_mels=32, **changes)
    rng = np.random.default_rng(1)
    sounds = rng.normal(size=(SOUNDS, settings.clip_samples)) * 10 ** rng.uniform(-2, -0.7, (SOUNDS, 1))
    steps = 0.2 + 0.1 * rng.random((SOUNDS // 2, 1)) * np.ones((1, settings.clip_samples))
    sounds[::2] = np.sin(np.cumsum(steps, axis=1))
    inputs = np.stack([network_input(log_mel(sound.astype(np.float32), settings), settings) for sound in sounds])
    networks = [random_network(network, settings.channels, seed) for seed in range(1, FOLDS + 1)]
    with torch.no_grad():
        # Statistics of the batch norms as after training; without them scores are close to 0 and 1.
        for fold in networks:
            for module in fold.modules():
                if isinstance(module, torch.nn.BatchNorm2d):
                    module.momentum = 1.0
            fold.train()(torch.from_numpy(inputs))
            fold.eval()
        scores = np.stack(
            [[fold(torch.from_numpy(one[None])).sigmoid().numpy()[0] for one in inputs] for fold in networks]
        )
    return Case(network, networks, inputs, scores, graph_of(network, networks, inputs))


def shared(cases: dict[str, Case], kind: str) -> Case:
    if kind not in cases:
        cases[kind] = case_of(kind)
    return cases[kind]


@pytest.fixture(scope="module")
def cases() -> dict[str, Case]:
    return {}


@pytest.fixture(scope="module", params=KINDS)
def case(request: pytest.FixtureRequest, cases: dict[str, Case]) -> Case:
    """Every kind of network."""
    return shared(cases, request.param)


@pytest.fixture(scope="module")
def plain(cases: dict[str, Case]) -> Case:
    """For properties of the engines that do not depend on the network."""
    return shared(cases, "plain")


def test_networks_of_these_tests_give_different_scores_to_sounds_labels_and_folds(case: Case) -> None:
    assert case.scores.shape == (FOLDS, SOUNDS, LABELS)
    assert np.quantile(case.scores, 0.1) > 0.05
    assert np.quantile(case.scores, 0.9) < 0.95
    for axis in range(3):
        assert np.ptp(case.scores, axis=axis).mean() > 0.1


@pytest.mark.parametrize("name", ON_CPU)
def test_engine_gives_the_scores_of_the_networks_themselves(case: Case, name: str) -> None:
    scores = case.engine(name)(case.inputs).scores
    assert scores.dtype == np.float32
    assert scores.shape == case.scores.shape
    difference = np.abs(scores - case.scores)
    if name in EXACT:
        assert difference.max() < 1e-4
    else:  # attention multiplies three maps: the logits of untrained networks can be far off in bfloat16
        assert np.quantile(difference, 0.9) < 0.05


@pytest.mark.parametrize("name", ON_CPU)
def test_embeddings_are_what_the_last_layer_of_each_fold_gets(case: Case, name: str) -> None:
    outputs = case.engine(name)(case.inputs)
    assert outputs.embeddings.dtype == np.float32
    assert outputs.embeddings.shape[:2] == (FOLDS, SOUNDS)
    for network, embeddings, scores in zip(case.networks, outputs.embeddings, outputs.scores, strict=True):
        with torch.no_grad():
            body = torch.nn.Sequential(*list(network)[:-1])
            expected = None if case.settings.band_channel else body(torch.from_numpy(case.inputs)).numpy()
            from_embeddings = network[-1](torch.from_numpy(embeddings)).sigmoid().numpy()
        tolerance = 1e-4 if name in EXACT else 0.1
        np.testing.assert_allclose(from_embeddings, scores, atol=tolerance)
        if expected is not None and name in EXACT:
            np.testing.assert_allclose(embeddings, expected, atol=1e-4, rtol=1e-3)


def test_network_without_a_head_of_its_own_has_scores_but_no_embeddings(plain: Case) -> None:
    class Whole(XResNetSettings):
        def split(self, network: torch.nn.Module) -> None:
            return None

    outputs = open_torch(REFERENCE, plain.networks, Whole())(plain.inputs)
    np.testing.assert_allclose(outputs.scores, plain.scores, atol=1e-5)
    assert outputs.embeddings.shape == (FOLDS, SOUNDS, 0)


@pytest.mark.parametrize("name", ON_CPU)
def test_scores_of_a_window_do_not_depend_on_the_others(plain: Case, name: str) -> None:
    engine = plain.engine(name)
    together = engine(plain.inputs).scores
    tolerance = LAST_BITS if name in EXACT else 0.005
    last = SOUNDS - 1
    for windows in ([7], [last, 0], list(range(WINDOWS_PER_REQUEST + 1)), list(range(last, -1, -1))):
        np.testing.assert_allclose(engine(plain.inputs[windows]).scores, together[:, windows], atol=tolerance)


@pytest.mark.parametrize("name", ON_CPU)
def test_the_same_windows_get_the_same_scores_to_the_last_bit(plain: Case, name: str) -> None:
    engine = plain.engine(name)
    for first, second in zip(engine(plain.inputs), engine(plain.inputs), strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", ON_CPU)
def test_several_threads_may_call_one_engine(plain: Case, name: str) -> None:
    engine = plain.engine(name)
    parts = np.split(plain.inputs, 4)
    expected = [engine(part) for part in parts]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(engine, parts * 3))
    for number, outputs in enumerate(found):
        np.testing.assert_allclose(outputs.scores, expected[number % 4].scores, atol=LAST_BITS)
        np.testing.assert_allclose(outputs.embeddings, expected[number % 4].embeddings, atol=1e-3)


@pytest.mark.parametrize("name", ON_CPU)
def test_engine_does_not_change_its_inputs_nor_the_networks(plain: Case, name: str) -> None:
    inputs = plain.inputs.copy()
    plain.engine(name)(inputs)
    np.testing.assert_array_equal(inputs, plain.inputs)
    np.testing.assert_allclose(plain.engine(REFERENCE)(inputs).scores, plain.scores, atol=1e-4)


def test_graph_holds_no_code_and_takes_any_number_of_windows(case: Case) -> None:
    onnx = importlib.import_module("onnx")
    model = onnx.load_from_string(case.graph)
    onnx.checker.check_model(model)
    (inputs,), (scores, embeddings) = model.graph.input, model.graph.output
    assert [inputs.name, scores.name, embeddings.name] == ["inputs", "scores", "embeddings"]
    assert inputs.type.tensor_type.shape.dim[0].dim_param == "windows"
    assert [size.dim_value for size in inputs.type.tensor_type.shape.dim[1:]] == list(case.inputs.shape[1:])
    assert {opset.domain for opset in model.opset_import} == {""}  # only standard operators
    assert not model.functions


def test_graph_of_the_same_networks_is_the_same_byte_for_byte(plain: Case) -> None:
    assert graph_of(plain.settings, plain.networks, plain.inputs) == plain.graph


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_missing_gpu_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="no GPU"):
        open_torch("torch-cuda", [], XResNetSettings())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_gpu_gives_the_reference_scores_and_does_not_move_the_networks(case: Case) -> None:
    scores = open_torch("torch-cuda", case.networks, case.settings)(case.inputs).scores
    np.testing.assert_allclose(scores, case.scores, atol=0.01)
    np.testing.assert_allclose(
        open_torch(REFERENCE, case.networks, case.settings)(case.inputs).scores, case.scores, atol=1e-5
    )
