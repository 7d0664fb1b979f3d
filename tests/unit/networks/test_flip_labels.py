"""Flips as labels: four outputs per label in training; afterwards the mean of four passes, as any other network."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from audiotag.augmentation.additive_mixer import AdditiveMixer
from audiotag.augmentation.flip_labels import FlipLabels
from audiotag.errors import AudiotagError
from audiotag.features.settings import SpectrogramSettings
from audiotag.networks.argus.settings import ArgusSettings
from audiotag.networks.base import NetworkSettings, network_from_dict
from audiotag.networks.flip_labels.settings import FlipLabelsSettings
from audiotag.networks.xresnet.settings import XResNetSettings
from audiotag.tagging.onnx_export import AllFolds, onnx_graph
from audiotag.training.recipe import Recipe
from audiotag.training.stage import Stage

SMALL = XResNetSettings(width=1 / 16, stem=4, activation="relu", self_attention=True, pool="max-blur", dropout=0.1)
INSIDE: dict[str, NetworkSettings] = {"xresnet": SMALL, "argus": ArgusSettings(width=1 / 16)}
EachInside = pytest.mark.parametrize("name", INSIDE)
SETTINGS = SpectrogramSettings(
    sample_rate=8000, clip_s=0.25, n_fft=256, win_length=256, hop_length=64, n_mels=16, f_max=4000.0
)
RECIPE = Recipe("flips", "Flips", "For tests.", (Stage("curated", 1, 1e-3),), batch_size=4, spectrogram=SETTINGS)


def network_of(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    network = FlipLabelsSettings(INSIDE[name]).build(3)
    with torch.no_grad():
        for parameter in network.parameters():  # fresh residual blocks and attention return their input
            parameter += 0.05 * torch.randn_like(parameter)
    return network.eval()


def inputs() -> torch.Tensor:
    return torch.randn(5, 1, 32, 48, generator=torch.Generator().manual_seed(1))


@EachInside
def test_scores_are_the_mean_of_four_passes_each_from_its_own_outputs(name: str) -> None:
    network, batch = network_of(name), inputs()
    with torch.no_grad():
        passes = [
            network.network(flipped)[:, columns]
            for flipped, columns in (
                (batch, slice(0, 3)),
                (batch.flip(3), slice(3, 6)),
                (batch.flip(2), slice(6, 9)),
                (batch.flip(2, 3), slice(9, 12)),
            )
        ]
        scores = network(batch).sigmoid()
    torch.testing.assert_close(scores, torch.stack(passes).sigmoid().mean(0), rtol=0, atol=1e-6)


@EachInside
def test_in_training_mode_it_is_the_network_inside_with_all_outputs(name: str) -> None:
    network = network_of(name).train()
    outputs = network(inputs())
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    settings = FlipLabelsSettings(INSIDE[name])
    assert [tuple(output.shape) for output in outputs] == [(5, 12)] * len(settings.output_weights)
    assert settings.outputs_per_label == 4
    assert INSIDE[name].outputs_per_label == 1


@EachInside
def test_embeddings_and_head_give_the_logits_also_of_what_an_ensemble_stores_and_exports(name: str) -> None:
    settings, network, batch = FlipLabelsSettings(INSIDE[name]), network_of(name), inputs()
    stored = settings.for_inference(network)
    assert not stored.training
    with torch.no_grad():
        expected = network(batch)
        for variant in (network, stored, settings.exportable(stored)):
            torch.testing.assert_close(variant(batch), expected, rtol=1e-4, atol=1e-5)
            parts = settings.split(variant)
            assert parts is not None
            embeddings = parts[0](batch)
            assert embeddings.shape == (5, 4 * INSIDE[name].split(network.network)[1].in_features)  # type: ignore[index]
            torch.testing.assert_close(parts[1](embeddings), expected, rtol=1e-4, atol=1e-5)


@EachInside
def test_exported_graph_gives_the_same_scores_for_any_number_of_windows(name: str) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", exc_type=ImportError)
    settings = FlipLabelsSettings(INSIDE[name])
    networks = [settings.exportable(settings.for_inference(network_of(name)))] * 2
    graph = io.BytesIO(onnx_graph(networks, settings, (1, 32, 48))).read()
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    for windows in (1, 5):
        batch = inputs()[:windows]
        with torch.no_grad():
            expected = AllFolds(networks, settings).eval()(batch)
        for result, tensor in zip(session.run(None, {"inputs": batch.numpy()}), expected, strict=True):
            np.testing.assert_allclose(result, tensor.numpy(), rtol=1e-3, atol=1e-5)


def test_mirrored_input_changes_only_which_outputs_score_it() -> None:
    # A network whose outputs are the same for all flips scores an input and its mirror image alike.
    network, batch = network_of("xresnet"), inputs()
    head = network.network[-1]
    with torch.no_grad():
        for values in (head.weight, head.bias):
            values.copy_(values[:3].repeat(4, *[1] * (values.ndim - 1)))
        for axes in ((3,), (2,), (2, 3)):
            torch.testing.assert_close(network(batch.flip(axes)), network(batch), rtol=1e-4, atol=1e-5)


def test_settings_come_back_from_plain_values_and_are_told_apart_by_the_network_inside() -> None:
    prints = set()
    for inside in (XResNetSettings(), SMALL, ArgusSettings()):
        settings = FlipLabelsSettings(inside)
        assert network_from_dict(json.loads(json.dumps(settings.to_dict()))) == settings
        assert settings.fewest_bands == inside.fewest_bands
        assert settings.fewest_frames == inside.fewest_frames
        assert settings.columns(48) == inside.columns(48)
        prints |= {settings.fingerprint(), inside.fingerprint()}
    assert len(prints) == 6


@pytest.mark.parametrize(
    ("inside", "message"),
    [
        ("xresnet", "network.network must be a table of fields, got 'xresnet'"),
        ({"kind": "resnext"}, "network.network.kind must be one of argus, "),
        ({"depth": 19}, "network.network.depth must be one of 18, 34, 50, got 19"),
        ({"kind": "flip-labels"}, "network.network must be another network, got flip-labels; write [network.network]"),
    ],
)
def test_faults_of_the_network_inside_are_named_with_their_place(inside: object, message: str) -> None:
    with pytest.raises(AudiotagError) as caught:
        network_from_dict({"kind": "flip-labels", "network": inside})
    assert str(caught.value).startswith(message)


def test_network_and_augmentation_are_refused_without_each_other() -> None:
    both = replace(RECIPE, augment=(FlipLabels(), AdditiveMixer()), network=FlipLabelsSettings(SMALL))
    assert Recipe.from_dict(json.loads(json.dumps(both.to_dict()))) == both
    with pytest.raises(AudiotagError, match="augment must make 4 targets per label for this network, got 1; the augm"):
        replace(both, augment=())
    with pytest.raises(AudiotagError, match="augment must make 1 targets per label for this network, got 4; the augm"):
        replace(both, network=SMALL)
