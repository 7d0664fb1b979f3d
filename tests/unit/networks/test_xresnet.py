"""The network is fastai's XResNet weight by weight, starts with the same weights, trains, and can be exported."""

import math
from collections.abc import Iterator
from dataclasses import asdict, replace

import pytest
import torch
from fastai.layers import Mish
from fastai.vision.models import xresnet
from torch import nn
from torch.nn import functional

from audiotag.checks import readable
from audiotag.errors import AudiotagError
from audiotag.networks.xresnet.blocks import MaxBlurPool, SelfAttention
from audiotag.networks.xresnet.model import XResNet, build_network, fold_spectral_norm
from audiotag.networks.xresnet.settings import XResNetSettings

NAMES = {
    "18": XResNetSettings(depth=18, activation="relu"),
    "34": XResNetSettings(depth=34, activation="relu"),
    "50": XResNetSettings(depth=50, activation="relu"),
    "18 mish": XResNetSettings(depth=18),
    "50 mish sa": XResNetSettings(depth=50, self_attention=True),
    "18 half": XResNetSettings(depth=18, width=0.5),
    "34 mish sa half": XResNetSettings(depth=34, width=0.5, self_attention=True),
    "50 relu sa half": XResNetSettings(depth=50, width=0.5, self_attention=True, activation="relu"),
}
PARITY = {  # each depth and each activation with and without attention; the width changes no operation
    "18 mish": XResNetSettings(),
    "18 relu sa quarter": XResNetSettings(width=0.25, self_attention=True, activation="relu"),
    "34 relu quarter": XResNetSettings(depth=34, width=0.25, activation="relu"),
    "34 mish sa quarter": XResNetSettings(depth=34, width=0.25, self_attention=True),
    "50 relu quarter": XResNetSettings(depth=50, width=0.25, activation="relu"),
    "50 mish sa quarter": XResNetSettings(depth=50, width=0.25, self_attention=True),
}
SMALL = {
    "18": XResNetSettings(width=1 / 8),
    "18 sa max-blur": XResNetSettings(width=1 / 8, self_attention=True, pool="max-blur"),
    "50 sa relu": XResNetSettings(depth=50, width=1 / 16, self_attention=True, activation="relu"),
}
N_LABELS = 7


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    state = torch.get_rng_state()
    torch.manual_seed(0)
    yield
    torch.set_rng_state(state)


def by_fastai(settings: XResNetSettings, n_labels: int = N_LABELS) -> nn.Module:
    build = {18: xresnet.xresnet18, 34: xresnet.xresnet34, 50: xresnet.xresnet50}[settings.depth]
    activation = {"relu": nn.ReLU, "mish": Mish}[settings.activation]
    return build(c_in=1, n_out=n_labels, widen=settings.width, sa=settings.self_attention, act_cls=activation)


def roughen(network: nn.Module) -> None:
    """Move norms and attention away from their initial zeros, which would hide half of the network."""
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith("gamma"):
                parameter.fill_(1e-4)
            elif parameter.dim() == 1:
                parameter.uniform_(0.5, 1.0)
        for name, buffer in network.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                buffer.uniform_(0.5, 1.0)


def trained(settings: XResNetSettings, steps: int) -> tuple[XResNet, list[float]]:
    network = build_network(settings, N_LABELS)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.02)
    inputs = torch.randn(8, 1, 48, 40)
    targets = (torch.rand(8, N_LABELS) < 0.3).float()
    losses = []
    for step in range(steps + 1):
        loss = functional.binary_cross_entropy_with_logits(network(inputs), targets)
        losses.append(loss.item())
        if step < steps:
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return network, losses


@pytest.mark.parametrize("settings", NAMES.values(), ids=NAMES.keys())
def test_weights_have_fastai_names_and_shapes(settings: XResNetSettings) -> None:
    with torch.device("meta"):
        ours, theirs = build_network(settings, N_LABELS).state_dict(), by_fastai(settings).state_dict()
    assert [(name, tensor.shape) for name, tensor in ours.items()] == [
        (name, tensor.shape) for name, tensor in theirs.items()
    ]


@pytest.mark.parametrize("settings", PARITY.values(), ids=PARITY.keys())
def test_same_weights_give_fastai_logits(settings: XResNetSettings) -> None:
    theirs = by_fastai(settings)
    roughen(theirs)
    ours = build_network(settings, N_LABELS)
    # A plain dict, as safetensors gives: no metadata about the spectral norm.
    ours.load_state_dict(dict(theirs.state_dict()))
    inputs = torch.randn(2, 1, 97, 51)  # odd sizes show whether the identity path rounds up as fastai's does
    for mode in (False, True):  # in training mode the norms use the batch, and the attention iterates its norm
        ours.train(mode)
        theirs.train(mode)
        with torch.no_grad():
            expected = theirs(inputs).as_subclass(torch.Tensor)
            got = ours(inputs)
        assert expected.std() > 0.01
        torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5)


def test_weights_start_as_fastai_starts_them() -> None:
    settings = XResNetSettings(depth=50, width=0.5, self_attention=True)
    ours = build_network(settings, N_LABELS).state_dict()
    theirs = by_fastai(settings).state_dict()
    spread = 0
    for name, tensor in ours.items():
        expected = theirs[name].float()
        if tensor.dim() < 2 and not name.endswith(("weight_u", "weight_v")):
            assert torch.equal(tensor.float(), expected), name
        elif tensor.dim() >= 2:
            fan_in = tensor[0].numel()
            # Five standard errors of a standard deviation taken from so many draws.
            tolerance = 5 / math.sqrt(2 * tensor.numel())
            assert tensor.std() == pytest.approx(math.sqrt(2 / fan_in), rel=tolerance), name
            assert expected.std() == pytest.approx(math.sqrt(2 / fan_in), rel=tolerance), name
            spread += 1
    assert spread == 3 + 16 * 3 + 4 + 2  # stem, blocks, projections; attention and the last layer
    assert ours["4.2.convpath.3.gamma"].item() == 0
    assert ours["4.2.convpath.2.1.weight"].abs().max() == 0


def test_fresh_block_returns_its_input() -> None:
    block = build_network(replace(SMALL["18 sa max-blur"], activation="relu"), N_LABELS).get_submodule("4.1").eval()
    maps = torch.rand(2, 8, 8, 8)
    torch.testing.assert_close(block(maps), maps, rtol=0, atol=0)


@pytest.mark.parametrize("pool", ["max", "max-blur"])
def test_input_of_128_by_128_is_halved_five_times(pool: str) -> None:
    network = build_network(XResNetSettings(width=0.25, pool=pool), N_LABELS, channels=2)
    sizes = []
    maps = torch.randn(1, 2, 128, 128)
    for layer in list(network)[:8]:
        maps = layer(maps)
        sizes.append(tuple(maps.shape[2:]))
    assert sizes == [(64, 64)] * 3 + [(32, 32)] * 2 + [(16, 16), (8, 8), (4, 4)]


def test_max_blur_gives_the_figures_that_kornia_publishes() -> None:
    # The example in the docstring of kornia.filters.MaxBlurPool2D, kernel 3, stride 2, max-pool 2.
    expected = torch.tensor([[0.5625, 0.3125], [0.3125, 0.8750]])
    torch.testing.assert_close(MaxBlurPool()(torch.eye(5)[None, None])[0, 0], expected, rtol=0, atol=0)


def test_an_impulse_weighs_the_same_wherever_it_falls_on_the_coarser_grid() -> None:
    def weights(pool: nn.Module) -> list[float]:
        sums = []
        for row, column in ((8, 8), (8, 9), (9, 8), (9, 9)):
            impulse = torch.zeros(1, 1, 20, 20)
            impulse[..., row, column] = 1
            sums.append(pool(impulse).sum().item())
        return sums

    assert weights(nn.MaxPool2d(3, stride=2, padding=1)) == [1, 2, 2, 4]
    assert weights(MaxBlurPool()) == [1, 1, 1, 1]


def test_max_blur_damps_what_plain_max_pool_aliases() -> None:
    # 0.3 cycles per place is too fine for the halved map: whatever the pool returns is an alias.
    ripple = torch.cos(2 * math.pi * 0.3 * torch.arange(200.0) + 0.3).expand(1, 1, 16, 200)
    alias = {
        name: pool(ripple)[0, 0, 4, 4:-4].std().item()
        for name, pool in (("plain", nn.MaxPool2d(3, stride=2, padding=1)), ("blurred", MaxBlurPool()))
    }
    assert alias["plain"] > 0.15
    assert alias["blurred"] < 0.6 * alias["plain"]


def test_max_blur_does_not_change_a_constant_except_at_the_border() -> None:
    pooled = MaxBlurPool()(torch.full((1, 3, 32, 32), -2.5))
    assert pooled.shape == (1, 3, 16, 16)
    torch.testing.assert_close(pooled[..., 1:-1, 1:-1], torch.full((1, 3, 14, 14), -2.5), rtol=0, atol=0)


def test_weights_do_not_depend_on_the_pool() -> None:
    blurred = build_network(replace(SMALL["18"], pool="max-blur"), N_LABELS)
    blurred.load_state_dict(build_network(SMALL["18"], N_LABELS).state_dict())


def test_band_channel_is_a_ramp_from_the_lowest_band_to_the_highest_beside_the_input() -> None:
    torch.manual_seed(0)
    with_band = build_network(XResNetSettings(width=1 / 8, stem=4, band_channel=True), 3).eval()
    plain = build_network(XResNetSettings(width=1 / 8, stem=4), 3, channels=2).eval()
    plain.load_state_dict(with_band.state_dict())
    inputs = torch.randn(2, 1, 64, 40)
    ramp = torch.linspace(-1, 1, 64)[:, None].expand(2, 1, 64, 40)
    torch.testing.assert_close(with_band(inputs), plain(torch.cat([inputs, ramp], 1)))


def test_frames_taken_at_once_are_channels_of_one_place() -> None:
    torch.manual_seed(0)
    at_once = build_network(XResNetSettings(width=1 / 8, stem=4, frames_at_once=4), 3).eval()
    stacked = build_network(XResNetSettings(width=1 / 8, stem=4), 3, channels=4).eval()
    weights = at_once.state_dict()
    kernel = weights["0.0.weight"].unflatten(3, (3, 4))  # (out, 1, 3 bands, 3 places, 4 frames)
    stacked.load_state_dict(weights | {"0.0.weight": kernel[:, 0].permute(0, 3, 1, 2)})
    inputs = torch.randn(2, 1, 64, 160)
    as_channels = inputs[:, 0].unflatten(2, (40, 4)).permute(0, 3, 1, 2)
    torch.testing.assert_close(at_once(inputs), stacked(as_channels))


def test_dropout_acts_only_in_training() -> None:
    network = build_network(replace(SMALL["18"], dropout=0.5), N_LABELS)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    inputs = torch.randn(2, 1, 32, 32)
    assert not torch.equal(network(inputs), network(inputs))
    network.eval()
    assert torch.equal(network(inputs), network(inputs))


@pytest.mark.parametrize("settings", SMALL.values(), ids=SMALL.keys())
def test_one_step_lowers_the_loss_and_every_weight_trains(settings: XResNetSettings) -> None:
    # Three steps are needed: norms that start at zero block the attention's factor, which blocks its weight.
    network, losses = trained(settings, steps=4)
    assert losses[1] < losses[0]
    stuck = [name for name, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert stuck == []


@pytest.mark.parametrize("settings", SMALL.values(), ids=SMALL.keys())
def test_folding_keeps_the_logits(settings: XResNetSettings) -> None:
    network, _ = trained(settings, steps=1)
    roughen(network)
    # As after a training step: in training mode, its derived weight on the autograd graph.
    network(torch.randn(2, 1, 32, 32))
    rng = torch.get_rng_state()
    folded = fold_spectral_norm(network)
    assert torch.equal(torch.get_rng_state(), rng)
    assert network.training
    assert not folded.training
    assert not [name for name in folded.state_dict() if name.endswith(("_orig", "_u", "_v"))]

    inputs = torch.randn(4, 1, 40, 48)
    with torch.no_grad():
        expected = network.eval()(inputs)
        torch.testing.assert_close(folded(inputs), expected, rtol=0, atol=1e-6)
        again = fold_spectral_norm(build_network(settings, N_LABELS))
        again.load_state_dict(folded.state_dict())
        torch.testing.assert_close(again(inputs), expected, rtol=0, atol=1e-6)
        torch.testing.assert_close(fold_spectral_norm(folded)(inputs), expected, rtol=0, atol=1e-6)


def test_network_can_still_train_after_folding() -> None:
    network, _ = trained(SMALL["18 sa max-blur"], steps=4)
    weight = network.get_parameter("4.1.convpath.2.conv.weight_orig")
    folded = fold_spectral_norm(network)
    with torch.no_grad():
        for parameter in folded.parameters():
            parameter.zero_()
    network(torch.randn(2, 1, 32, 32)).sum().backward()
    assert weight.abs().max() > 0
    assert weight.grad is not None
    assert weight.grad.abs().max() > 0


@pytest.mark.parametrize(
    ("settings", "parameters"),
    [
        (XResNetSettings(), 11_205_428),
        (XResNetSettings(width=0.5), 2_838_772),
        (XResNetSettings(width=0.4), 1_816_604),
        (XResNetSettings(self_attention=True), 11_205_428 + 64 * 64 + 1),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else f"{value.width} {value.self_attention}",
)
def test_parameter_counts(settings: XResNetSettings, parameters: int) -> None:
    with torch.device("meta"):
        networks = build_network(settings, 20), by_fastai(settings, 20)
    for network in networks:
        assert sum(weight.numel() for weight in network.parameters()) == parameters


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("depth", 101),
        ("depth", 18.0),
        ("depth", "18"),
        ("width", 0),
        ("width", 0.01),
        ("width", math.nan),
        ("width", math.inf),
        ("width", True),
        ("width", "0.5"),
        ("activation", "Mish"),
        ("activation", None),
        ("self_attention", 1),
        ("self_attention", "false"),
        ("pool", "blur"),
        ("band_channel", 1),
        ("frames_at_once", 0),
        ("frames_at_once", 2.0),
        ("frames_at_once", 17),
        ("frames_at_once", True),
        ("dropout", 1),
        ("dropout", -0.1),
        ("dropout", 50),
        ("dropout", math.nan),
    ],
    ids=str,
)
def test_settings_out_of_range_are_named(field: str, value: object) -> None:
    with pytest.raises(AudiotagError) as error:
        XResNetSettings(**{field: value})
    message = str(error.value)
    assert message.startswith(f"{field} must ")
    assert f"got {readable(value)};" in message


@pytest.mark.parametrize("field", ["n_labels", "channels"])
def test_sizes_out_of_range_are_named(field: str) -> None:
    with pytest.raises(AudiotagError, match=f"^{field} must be at least 1, got 0;"):
        build_network(XResNetSettings(), **{"n_labels": 2, "channels": 1, field: 0})


def test_the_narrowest_network_gives_logits() -> None:
    network = build_network(XResNetSettings(width=1 / 64, self_attention=True), N_LABELS).eval()
    assert network(torch.zeros(1, 1, 128, 128)).shape == (1, N_LABELS)


def test_settings_come_back_from_a_plain_dict() -> None:
    settings = SMALL["18 sa max-blur"]
    assert XResNetSettings(**asdict(settings)) == settings


def test_self_attention_keeps_the_memory_format_of_maps_and_their_gradients() -> None:
    """Training keeps networks in channels_last. Layers whose maps and gradients differ in it are many times as slow."""
    attention = SelfAttention(8)
    nn.init.ones_(attention.gamma)
    maps = torch.randn(2, 8, 5, 6).contiguous(memory_format=torch.channels_last).requires_grad_()
    attended = attention(maps)
    assert attended.is_contiguous(memory_format=torch.channels_last)
    (gradient,) = torch.autograd.grad(attended, maps, torch.ones_like(attended))
    assert gradient.is_contiguous(memory_format=torch.channels_last)
