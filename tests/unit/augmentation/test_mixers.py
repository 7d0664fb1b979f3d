"""Mixed clips are the sums, the patchworks and the fades they are said to be, and their targets say as much."""

import copy
import types
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from audiotag.augmentation.mixup import MixUp, MixUpParams
from audiotag.augmentation.overlay import Overlay
from audiotag.augmentation.sigmoid_mixer import SigmoidMixer, SigmoidParams
from audiotag.augmentation.specmix import SpecMix, SpecMixParams
from audiotag.errors import AudiotagError
from audiotag.features.log_mel import log_mel
from audiotag.features.settings import SpectrogramSettings

MIXERS = {
    "mixup of pictures": MixUp(),
    "mixup of waveforms": MixUp(alpha=1.0, domain="waveform"),
    "overlay": Overlay(),
    "overlay with the labels of both": Overlay(labels="both"),
    "specmix": SpecMix(time_width=20, mel_width=12),
    "sigmoid of pictures": SigmoidMixer(),
    "sigmoid of waveforms": SigmoidMixer(domain="waveform"),
}
Named = pytest.mark.parametrize("name", MIXERS)
ITEMS = 8


def batch_for(name: str) -> np.ndarray:
    shape = (ITEMS, 2, 32, 48) if MIXERS[name].domain == "picture" else (ITEMS, 4001)
    return np.random.default_rng(1).normal(0, 1, shape).astype(np.float32)


def targets() -> np.ndarray:
    """Multi-hot of 8 items and 5 labels, one to three labels each."""
    rows = np.random.default_rng(2).permuted(np.tile([1, 1, 1, 0, 0], (ITEMS, 1)), axis=1)
    return np.maximum(rows * np.random.default_rng(3).integers(0, 2, rows.shape), np.eye(ITEMS, 5)).astype(np.float32)


def draw_for(name: str, seed: int = 0) -> Any:
    return MIXERS[name].sample(np.random.default_rng(seed), batch_for(name).shape)


@Named
def test_frozen_draw_repeats_and_nothing_handed_in_is_changed(name: str) -> None:
    mixer, batch, labels, params = MIXERS[name], batch_for(name), targets(), draw_for(name)
    frozen = copy.deepcopy(params)
    assert np.array_equal(mixer.apply(batch, params), mixer.apply(batch, frozen))
    assert np.array_equal(mixer.mix_targets(labels, params), mixer.mix_targets(labels, frozen))
    assert np.array_equal(batch, batch_for(name))
    assert np.array_equal(labels, targets())


@Named
def test_draws_hold_an_entry_an_item_and_pair_every_item_once(name: str) -> None:
    all_params = [draw_for(name, seed) for seed in (0, 0, 1)]
    for field in fields(all_params[0]):
        first, same = (getattr(params, field.name) for params in all_params[:2])
        assert first.shape == (ITEMS,)
        assert np.array_equal(first, same)
    assert sorted(all_params[0].partner.tolist()) == list(range(ITEMS))
    assert all_params[0].partner.tolist() != all_params[2].partner.tolist()


@Named
def test_numpy_and_torch_agree(name: str) -> None:
    mixer, batch, labels, params = MIXERS[name], batch_for(name), targets(), draw_for(name)
    clips, tags = mixer.apply(torch.from_numpy(batch), params), mixer.mix_targets(torch.from_numpy(labels), params)
    np.testing.assert_allclose(clips.numpy(), mixer.apply(batch, params), rtol=0, atol=2e-6)
    np.testing.assert_allclose(tags.numpy(), mixer.mix_targets(labels, params), rtol=0, atol=1e-6)


@Named
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_torch_keeps_its_dtype(name: str, dtype: torch.dtype) -> None:
    mixer, params = MIXERS[name], draw_for(name)
    batch, labels = torch.from_numpy(batch_for(name)), torch.from_numpy(targets())
    clips, tags = mixer.apply(batch.to(dtype), params), mixer.mix_targets(labels.to(dtype), params)
    assert {clips.dtype, tags.dtype} == {dtype}
    close = 8 * torch.finfo(dtype).eps
    torch.testing.assert_close(clips.float(), mixer.apply(batch, params), rtol=0, atol=close)
    torch.testing.assert_close(tags.float(), mixer.mix_targets(labels, params), rtol=0, atol=close)


@Named
def test_nothing_of_a_batch_is_read_back_from_its_device(name: str) -> None:
    # A meta tensor has no values: whatever asked for one, as a wait for a GPU would, fails on it.
    mixer, params = MIXERS[name], draw_for(name)
    batch, labels = batch_for(name), targets()
    clips = mixer.apply(torch.empty(batch.shape, device="meta"), params)
    tags = mixer.mix_targets(torch.empty(labels.shape, device="meta"), params)
    assert (clips.shape, tags.shape) == (batch.shape, labels.shape)


@pytest.mark.parametrize("kind", [MixUp, Overlay, SpecMix, SigmoidMixer])
def test_p_of_0_changes_nothing_and_p_is_the_share_that_changes(kind: Any) -> None:
    rng = np.random.default_rng(0)
    batch, labels = rng.normal(0, 1, (1000, 1, 32, 32)), np.eye(1000)
    never, half, always = (kind(p=p).sample(rng, batch.shape) for p in (0.0, 0.5, 1.0))
    assert np.array_equal(kind().apply(batch, never), batch)
    assert np.array_equal(kind().mix_targets(labels, never), labels)
    changed = (kind().apply(batch, half) != batch).any((1, 2, 3))
    assert changed.mean() == pytest.approx(0.5, abs=0.06)
    # An item that is its own partner, or whose stretches are of no width, stays what it is.
    assert (kind().apply(batch, always) != batch).any((1, 2, 3)).mean() > 0.98


@Named
def test_an_item_that_is_its_own_partner_stays_what_it_is(name: str) -> None:
    mixer, batch, labels = MIXERS[name], batch_for(name)[:1], targets()[:1]
    params = mixer.sample(np.random.default_rng(0), batch.shape)
    np.testing.assert_allclose(mixer.apply(batch, params), batch, rtol=0, atol=1e-6)
    np.testing.assert_allclose(mixer.mix_targets(labels, params), labels, rtol=0, atol=1e-6)
    assert np.array_equal(params.partner, [0])


# MixUp


@pytest.mark.parametrize("name", ["mixup of pictures", "mixup of waveforms"])
def test_mixed_clip_is_the_weighted_sum_of_two_and_so_are_its_targets(name: str) -> None:
    batch, labels = batch_for(name).astype(np.float64), targets().astype(np.float64)
    params = draw_for(name)
    clips, tags = MIXERS[name].apply(batch, params), MIXERS[name].mix_targets(labels, params)
    for item, (partner, weight) in enumerate(zip(params.partner, params.weight, strict=True)):
        assert np.array_equal(clips[item], weight * batch[item] + (1 - weight) * batch[partner])
        assert np.array_equal(tags[item], weight * labels[item] + (1 - weight) * labels[partner])


def test_mixup_is_fastais(monkeypatch: pytest.MonkeyPatch) -> None:
    from fastai.callback import mixup as fastai_mixup

    batch, labels = torch.from_numpy(batch_for("mixup of pictures")), torch.from_numpy(targets())
    share = torch.tensor([0.1, 0.9, 0.5, 0.3, 1.0, 0.0, 0.75, 0.6])
    partner = torch.tensor([3, 2, 1, 0, 7, 4, 6, 5])
    theirs = fastai_mixup.MixUp(0.4)
    monkeypatch.setattr(theirs, "distrib", types.SimpleNamespace(sample=lambda shape: share.clone()))
    monkeypatch.setattr(fastai_mixup.torch, "randperm", lambda items: partner)
    theirs.stack_y = False
    theirs.learn = types.SimpleNamespace(x=batch, y=labels, xb=(batch,), yb=(labels,))
    theirs.before_batch()
    weight = np.maximum(share.numpy(), 1 - share.numpy())
    params = MixUpParams(partner.numpy(), weight)
    torch.testing.assert_close(MixUp().apply(batch, params), theirs.learn.xb[0], rtol=0, atol=1e-6)
    torch.testing.assert_close(MixUp().mix_targets(labels, params), theirs.learn.yb[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("alpha", [0.4, 1.0, 5.0])
def test_mixup_weights_are_the_larger_part_of_a_beta_draw(alpha: float) -> None:
    weight = MixUp(alpha=alpha).sample(np.random.default_rng(0), (10_000, 1, 2, 2)).weight
    assert weight.min() >= 0.5
    assert weight.max() <= 1
    folded = stats.beta(alpha, alpha)
    assert stats.kstest(weight, lambda x: folded.cdf(x) - folded.cdf(1 - x)).pvalue > 0.001


# Overlay


def test_overlay_of_two_tones_has_the_powers_of_both_at_the_balance_that_was_drawn() -> None:
    pictures = np.full((2, 1, 16, 10), -300.0)
    pictures[0, 0, 3], pictures[1, 0, 9] = -10.0, -40.0  # dB; two bands, one each
    mixed = Overlay().apply(pictures, MixUpParams(np.array([1, 0]), np.array([0.8, 1.0])))
    # The partner comes at the clip's own level, whatever its own was, and then a quarter of it in amplitude.
    assert mixed[0, 0, 3].mean() == pytest.approx(-10 + 20 * np.log10(0.8), abs=1e-6)
    assert mixed[0, 0, 9].mean() == pytest.approx(-10 + 20 * np.log10(0.2), abs=1e-6)
    assert np.array_equal(mixed[1], pictures[1])


def test_overlay_of_spectra_is_the_spectrum_of_the_sum_of_independent_noises() -> None:
    rng, settings = np.random.default_rng(0), SpectrogramSettings(top_db=200)
    noises = rng.normal(0, 0.1, (2, settings.clip_samples)).astype(np.float32)
    noises[1] = np.cumsum(noises[1] - noises[1].mean()) / 100  # brown
    noises[1] *= np.sqrt(np.square(noises[0]).mean() / np.square(noises[1]).mean())
    in_db = np.stack([log_mel(noise, settings) for noise in noises])[:, None]
    power = (10 ** (in_db / 10)).mean((1, 2, 3))
    of_level = np.sqrt(power[0] / power[1])  # what brings the second to the first one's level in these bands
    added = log_mel(0.5 * noises[0] + np.float32(0.5 * of_level) * noises[1], settings)
    overlaid = Overlay().apply(in_db, MixUpParams(np.array([1, 0]), np.array([0.5, 1.0])))[0, 0]
    means = [10 * np.log10((10 ** (picture / 10)).mean(1)) for picture in (added, overlaid)]
    assert np.abs(means[0] - means[1])[8:].max() < 1.0  # the lowest bands have few bins to average


def test_labels_of_both_count_in_full_unless_one_cannot_be_heard() -> None:
    params = MixUpParams(np.array([1, 2, 0]), np.array([0.6, 0.95, 1.0]))  # 3.5 dB below, 25 dB below, not at all
    assert Overlay(labels="both").mix_targets(np.eye(3), params).tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    shared = Overlay().mix_targets(np.eye(3), params)
    np.testing.assert_allclose(shared, [[0.6, 0.4, 0], [0, 0.95, 0.05], [0, 0, 1]])


# SpecMix


def test_specmix_replaces_its_stretches_and_nothing_else() -> None:
    batch, params = batch_for("specmix"), draw_for("specmix")
    done = MIXERS["specmix"].apply(batch, params)
    bands, frames = np.arange(32)[:, None], np.arange(48)
    for item in range(ITEMS):
        band, frame = params.mel_start[item], params.time_start[item]
        replaced = ((bands >= band) & (bands < band + params.mel_width[item])) | (
            (frames >= frame) & (frames < frame + params.time_width[item])
        )
        assert np.array_equal(done[item], np.where(replaced, batch[params.partner[item]], batch[item]))
        assert params.weight[item] == pytest.approx(1 - replaced.mean())


def test_specmix_targets_are_shares_of_area() -> None:
    one, quarter = np.array([1, 0]), np.array([8, 0])
    params = SpecMixParams(one, np.zeros(2, int), quarter, np.zeros(2, int), 2 * quarter, np.array([0.75 * 0.5, 1.0]))
    mixed = SpecMix().mix_targets(np.eye(2), params)
    np.testing.assert_allclose(mixed, [[0.375, 0.625], [0, 1]])


def test_specmix_draws_every_width_and_stays_in_the_picture() -> None:
    params = SpecMix(time_width=20, mel_width=12).sample(np.random.default_rng(0), (20_000, 1, 32, 48))
    assert stats.chisquare(np.bincount(params.time_width)).pvalue > 0.001
    assert stats.chisquare(np.bincount(params.mel_width)).pvalue > 0.001
    assert (params.time_width.max(), params.mel_width.max()) == (20, 12)
    assert (params.time_start + params.time_width).max() == 48
    assert (params.mel_start + params.mel_width).max() == 32
    assert min(params.time_start.min(), params.mel_start.min()) == 0
    with pytest.raises(AudiotagError, match=r"the width in frames must be at most the picture's 16, got 20"):
        SpecMix(time_width=20).sample(np.random.default_rng(0), (2, 1, 32, 16))


# The sigmoid mixer


@pytest.mark.parametrize("radius", [3, 7, 12])
def test_sigmoid_fade_is_the_winners(radius: int) -> None:
    batch = batch_for("sigmoid of pictures")[:2]
    params = SigmoidParams(np.array([1, 0]), np.array([radius, radius]), np.array([True, True]))
    own = torch.sigmoid(torch.arange(-radius, radius, 2 * radius / 48, dtype=torch.float64)[:48]).numpy()
    expected = own * batch + (1 - own) * batch[::-1]
    np.testing.assert_allclose(SigmoidMixer().apply(batch, params), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["sigmoid of pictures", "sigmoid of waveforms"])
def test_sigmoid_fades_from_the_partner_into_the_clip(name: str) -> None:
    shape = batch_for(name)[:2].shape
    batch = np.zeros(shape)
    batch[0] = 1
    params = SigmoidParams(np.array([1, 0]), np.array([12, 3]), np.array([True, True]))
    own, others = MIXERS[name].apply(batch, params)
    assert (np.diff(own, axis=-1) >= 0).all()
    assert (np.diff(others, axis=-1) <= 0).all()
    assert own[..., 0].max() < 1e-5
    assert own[..., -1].min() > 1 - 5e-5
    assert own[..., shape[-1] // 2] == pytest.approx(0.5, abs=0.01)
    assert others[..., 0] == pytest.approx(1 - 1 / (1 + np.exp(3)), abs=1e-6)


def test_sigmoid_targets_are_the_labels_of_both() -> None:
    labels = np.array([[1, 0, 0, 0.6], [1, 1, 0, 0.6], [0, 0, 1, 0]])
    params = SigmoidParams(np.array([1, 0, 2]), np.array([3, 3, 3]), np.array([True, False, False]))
    assert SigmoidMixer().mix_targets(labels, params).tolist() == [[1, 1, 0, 1], [1, 1, 0, 0.6], [0, 0, 1, 0]]


def test_sigmoid_radii_are_whole_numbers_within_their_bounds() -> None:
    params = SigmoidMixer().sample(np.random.default_rng(0), (10_000, 1, 2, 2))
    assert np.unique(params.radius).tolist() == list(range(3, 13))
    assert stats.chisquare(np.bincount(params.radius)[3:]).pvalue > 0.001


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MixUp(alpha=0), r"alpha must be a number of 0.01 to 10, got 0; 0.4 is common; leave MixUp out"),
        (lambda: MixUp(domain="image"), r"domain must be one of 'waveform', 'picture', got 'image'"),  # type: ignore[arg-type]
        (lambda: SpecMix(mel_width=-1), r"mel_width must be a whole number of 0 to 10000, got -1; in bands\?"),
        (lambda: SigmoidMixer(min_radius=12, max_radius=3), r"min_radius must be at most max_radius \(3\), got 12"),
        (lambda: SigmoidMixer(max_radius=3.5), r"max_radius must be a whole number of 1 to 80, got 3.5"),  # type: ignore[arg-type]
        (lambda: SigmoidMixer(p=2), r"p must be a number of 0 to 1, got 2"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(AudiotagError, match=f"^{message}"):
        make()


def test_targets_and_batches_that_do_not_fit_the_draw_are_refused() -> None:
    params = draw_for("mixup of pictures")
    with pytest.raises(AudiotagError, match=r"the draw must be of as many items as the batch \(7\), got 8"):
        MixUp().mix_targets(targets()[:7], params)
    with pytest.raises(AudiotagError, match=r"a batch must hold floating-point numbers, got int64"):
        MixUp().mix_targets(targets().astype(int), params)
