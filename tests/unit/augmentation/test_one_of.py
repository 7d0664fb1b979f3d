"""One of several mixers is chosen for each item, with its probability, and mixes it as it would alone."""

import numpy as np
import pytest

from audiotag.augmentation.additive_mixer import AdditiveMixer
from audiotag.augmentation.base import augmentation_from_dict
from audiotag.augmentation.mixup import MixUp
from audiotag.augmentation.one_of import NO_MIXER, OneOfMixers
from audiotag.augmentation.sigmoid_mixer import SigmoidMixer
from audiotag.errors import AudiotagError

WINNERS = OneOfMixers((SigmoidMixer(), AdditiveMixer()), (0.6, 0.4), p=0.8)


def test_mixers_are_chosen_with_their_probabilities() -> None:
    choice = WINNERS.sample(np.random.default_rng(0), (20_000, 1, 2, 2)).choice
    shares = [float((choice == number).mean()) for number in (NO_MIXER, 0, 1)]
    assert shares == pytest.approx([0.2, 0.48, 0.32], abs=0.015)
    equal = OneOfMixers((SigmoidMixer(), AdditiveMixer(), MixUp()))
    choice = equal.sample(np.random.default_rng(0), (20_000, 1, 2, 2)).choice
    assert (np.bincount(choice) / 20_000).tolist() == pytest.approx([1 / 3] * 3, abs=0.015)


def test_each_item_is_what_its_mixer_makes_of_unmixed_items(network_inputs: np.ndarray, targets: np.ndarray) -> None:
    params = WINNERS.sample(np.random.default_rng(3), network_inputs.shape)
    mixed, labels = WINNERS.apply(network_inputs, params), WINNERS.mix_targets(targets, params)
    assert set(params.choice.tolist()) == {NO_MIXER, 0, 1}
    for item, number in enumerate(params.choice):
        if number == NO_MIXER:
            expected, expected_labels, partner = network_inputs, targets, item
        else:
            mixer, part = WINNERS.mixers[number], params.parts[number]
            expected, expected_labels = mixer.apply(network_inputs, part), mixer.mix_targets(targets, part)
            partner = part.partner[item]
        assert np.array_equal(mixed[item], expected[item])
        assert np.array_equal(labels[item], expected_labels[item])
        assert params.partner[item] == partner


def test_mixers_are_read_from_tables_inside_a_table() -> None:
    values = {
        "kind": "one-of",
        "p": 0.8,
        "mixers": [{"kind": "sigmoid", "max_radius": 6}, {"kind": "one-of", "mixers": [{"kind": "additive"}]}],
        "weights": [0.6, 0.4],
    }
    read = augmentation_from_dict(values)
    assert read == OneOfMixers((SigmoidMixer(max_radius=6), OneOfMixers((AdditiveMixer(),))), (0.6, 0.4), p=0.8)
    assert augmentation_from_dict(read.to_dict()) == read


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"mixers": "sigmoid"}, r"augment, one-of: mixers must be a list of tables, got 'sigmoid'; write \[{ kind ="),
        ({"mixers": ["sigmoid"]}, r"augment, one-of: mixers must be a list of tables, got \['sigmoid'\]"),
        ({"mixers": [{"kind": "blend"}]}, r"augment, one-of: mixers.kind must be one of additive, .*, got 'blend'"),
        ({"mixers": [{"kind": "mixup", "alpha": 0}]}, r"augment, one-of: mixers, mixup: alpha must be a number from"),
        ({"mixers": [{"kind": "gain"}]}, r"augment, one-of: mixers must hold mixers only, got gain"),
        ({"weights": 0.5}, r"augment, one-of: weights must be a list of numbers, got 0.5; write \[0.6, 0.4\]"),
        ({"weights": ["0.5", "0.5"]}, r"augment, one-of: weights must be a list of numbers, got \['0.5', '0.5'\]"),
        ({"of": []}, r"augment, one-of: of is not a known field; the fields are mixers, weights, p"),
    ],
)
def test_faults_inside_are_named_with_their_place(values: dict[str, object], message: str) -> None:
    with pytest.raises(AudiotagError, match=f"^{message}"):
        augmentation_from_dict({"kind": "one-of"} | values)
