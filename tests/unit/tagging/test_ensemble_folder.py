"""An intact ensemble loads; a damaged one is refused with its name and fault; nothing in it is executed."""

import hashlib
import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load, save

from audiotag.errors import AudiotagError
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.weights import load_networks

Change = Callable[[dict[str, Any]], Any]


@pytest.fixture
def folder(tiny_ensemble: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_ensemble, tmp_path / "mine")


def change_card(folder: Path, change: Change) -> None:
    values = json.loads((folder / "card.json").read_text())
    change(values)
    (folder / "card.json").write_text(json.dumps(values))


def put_weights(folder: Path, content: bytes) -> None:
    """Write other weights for fold 1, with their checksum on the card."""
    (folder / "fold-1.safetensors").write_bytes(content)
    change_card(folder, lambda card: card["folds"][0].update(sha256=hashlib.sha256(content).hexdigest()))


def load_ensemble(folder: Path) -> None:
    load_networks(folder, read_card(folder))


def test_intact_ensemble_loads_in_evaluation_mode(folder: Path) -> None:
    card = read_card(folder)
    networks = load_networks(folder, card)
    assert card.labels == ("Bark", "Bell", "Hiss")
    assert len(networks) == len(card.folds) == 2
    assert not any(module.training for network in networks for module in network.modules())
    stored = load((folder / "fold-2.safetensors").read_bytes())
    assert all(torch.equal(networks[1].state_dict()[name], tensor) for name, tensor in stored.items())


PART = {"name": "field recordings", "clips": 40, "licence": "CC BY 3.0", "lwlrap": 0.9, "accuracy": 0.8}


@pytest.mark.parametrize("parts", [[], [PART, PART | {"name": "rendered"}]])
def test_card_comes_back_as_it_was_written(folder: Path, parts: list[dict[str, Any]]) -> None:
    change_card(folder, lambda card: card.update(parts=parts))
    card = read_card(folder)
    assert [part.name for part in card.parts] == [part["name"] for part in parts]
    (folder / "card.json").write_text(json.dumps(card.to_dict()))
    assert read_card(folder) == card


@pytest.mark.parametrize("at", [0, 9, 400, -1])
def test_one_flipped_byte_in_the_weights_is_noticed(folder: Path, at: int) -> None:
    content = bytearray((folder / "fold-2.safetensors").read_bytes())
    content[at] ^= 1
    (folder / "fold-2.safetensors").write_bytes(content)
    with pytest.raises(AudiotagError, match=r"mine/fold-2\.safetensors is damaged.*checksum"):
        load_ensemble(folder)


def test_cut_weights_are_noticed(folder: Path) -> None:
    content = (folder / "fold-1.safetensors").read_bytes()
    (folder / "fold-1.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(AudiotagError, match=r"mine/fold-1\.safetensors is damaged"):
        load_ensemble(folder)


def test_missing_weights_are_named(folder: Path) -> None:
    (folder / "fold-2.safetensors").unlink()
    with pytest.raises(AudiotagError, match=r"mine lacks fold-2\.safetensors"):
        load_ensemble(folder)


@pytest.mark.parametrize("files", [[], ["photo.jpg"], ["settings.json"]])
def test_folder_without_a_card_is_refused(tmp_path: Path, files: list[str]) -> None:
    for name in files:
        (tmp_path / name).write_text("{}")
    with pytest.raises(AudiotagError, match=rf"{tmp_path.name} is not an ensemble: it has no card\.json"):
        read_card(tmp_path)


def test_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AudiotagError, match="gone is not an ensemble"):
        read_card(tmp_path / "gone")


@pytest.mark.parametrize("content", [b'{"name": "mi', b"", b"\xff\xfe{}", b"not JSON"])
def test_broken_card_is_called_damaged(folder: Path, content: bytes) -> None:
    (folder / "card.json").write_bytes(content)
    with pytest.raises(AudiotagError, match=r"mine/card\.json is damaged .*; copy"):
        read_card(folder)


@pytest.mark.parametrize("number", [0, 2, "1", None])
def test_card_of_another_format_is_refused_by_its_number(folder: Path, number: object) -> None:
    change_card(folder, lambda card: card.update(format=number))
    with pytest.raises(AudiotagError, match=f"mine has format {number!r}, this audiotag reads format 1"):
        read_card(folder)


FIELDS = ["name", "about", "labels", "thresholds", "spectrogram", "network", "windows", "folds", "lwlrap", "accuracy"]
FIELDS += ["dataset", "recipe", "licence", "created"]


@pytest.mark.parametrize("field", FIELDS)
def test_missing_field_is_named(folder: Path, field: str) -> None:
    change_card(folder, lambda card: card.pop(field))
    with pytest.raises(AudiotagError, match=rf"mine/card\.json lacks the field '{field}'"):
        read_card(folder)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda card: card.update(thresholds=[0.5, 0.5]), "3 labels, 2 thresholds"),
        (lambda card: card.update(thresholds=[0.5, 0.5, None]), "thresholds must be a list of numbers"),
        (lambda card: card.update(thresholds=[0.5, 0.5, float("nan")]), "thresholds"),
        (lambda card: card.update(thresholds=[0.5, 0.5, 50]), "thresholds"),
        (lambda card: card.update(labels=[], thresholds=[]), "0 labels"),
        (lambda card: card.update(labels=["a", "b", 3]), "labels"),
        (lambda card: card.update(labels=["a", "b", "b"]), "labels"),
        (lambda card: card.update(folds=[]), "0 folds"),
        (lambda card: card.update(folds=["fold-1"]), "folds must be a list of tables"),
        (lambda card: card["folds"][0].pop("sha256"), "sha256"),
        (lambda card: card["folds"][0].update(clips="many"), "clips"),
        (lambda card: card["folds"][0].update(file=5), "file"),
        (lambda card: card["folds"][0].update(file="../fold-1.safetensors"), "not a safetensors file in its folder"),
        (lambda card: card["folds"][0].update(file="/etc/passwd"), "not a safetensors file in its folder"),
        (lambda card: card["folds"][0].update(file="a/b"), "not a safetensors file in its folder"),
        (lambda card: card["folds"][0].update(file=""), "not a safetensors file in its folder"),
        (lambda card: card["folds"][0].update(file=".."), "not a safetensors file in its folder"),
        (lambda card: card.update(spectrogram=3), "a table of fields, got 3"),
        (lambda card: card["spectrogram"].update(n_mels=0), "n_mels"),
        (lambda card: card["spectrogram"].update(n_bands=64), "n_bands"),
        (lambda card: card["network"].update(depth=19), "depth"),
        (lambda card: card["network"].update(colour="red"), "colour"),
        (lambda card: card.update(windows="median"), "windows"),
        (lambda card: card.update(lwlrap="good"), "lwlrap"),
        (lambda card: card.update(dataset="starter"), "dataset"),
        (lambda card: card.update(extra=1), "extra"),
        (lambda card: card.update(parts=[{"name": "field recordings"}]), "clips"),
        (lambda card: card.update(parts=[PART | {"lwlrap": "good"}]), "lwlrap must be of type float"),
    ],
)
def test_wrong_field_is_refused_with_folder_and_fault(folder: Path, change: Change, named: str) -> None:
    change_card(folder, change)
    with pytest.raises(AudiotagError, match=named) as caught:
        read_card(folder)
    assert "mine/card.json" in str(caught.value)


def test_weights_that_do_not_fit_the_card_are_refused(folder: Path) -> None:
    change_card(folder, lambda card: card["network"].update(width=1 / 8))
    with pytest.raises(AudiotagError, match=r"mine/fold-1\.safetensors does not fit the network of its card"):
        load_ensemble(folder)


def test_weights_with_a_tensor_missing_are_refused(folder: Path) -> None:
    weights = load((folder / "fold-1.safetensors").read_bytes())
    del weights["0.0.weight"]
    put_weights(folder, save(weights))
    with pytest.raises(AudiotagError, match=r"mine/fold-1\.safetensors does not fit"):
        load_ensemble(folder)


class _Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.path, "executed")


def test_pickle_in_place_of_weights_is_refused_and_not_executed(folder: Path, tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    bomb = pickle.dumps(_Bomb(mark))
    pickle.loads(bomb)
    assert mark.exists()  # the pickle works
    mark.unlink()
    torch.save(_Bomb(mark), tmp_path / "bomb.pt")
    for content in (bomb, (tmp_path / "bomb.pt").read_bytes()):
        put_weights(folder, content)
        with pytest.raises(AudiotagError, match=r"mine/fold-1\.safetensors is not a safetensors file"):
            load_ensemble(folder)
        assert not mark.exists()


def test_half_precision_weights_are_loaded_as_single(folder: Path) -> None:
    weights = load((folder / "fold-1.safetensors").read_bytes())
    halved = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in weights.items()}
    put_weights(folder, save(halved))
    network = load_networks(folder, read_card(folder))[0]
    assert {p.dtype for p in network.parameters()} == {torch.float32}


def test_card_cannot_ask_for_a_network_of_gigabytes(folder: Path) -> None:
    """A card of some kilobytes once took 6 GB, before a single weight was read."""
    change_card(folder, lambda card: card["network"].update(width=50.0))
    with pytest.raises(AudiotagError, match=r"network\.width must be a number from 0\.015625 to 4, got 50\.0"):
        load_ensemble(folder)
    change_card(folder, lambda card: card["network"].update(width=4.0, depth=50, stem=256))
    change_card(folder, lambda card: card["spectrogram"].update(n_mels=512, n_fft=4096, hop_length=64, clip_s=10.0))
    with pytest.raises(AudiotagError, match=r"mine/card\.json: the network .* must compute arrays of at most"):
        load_ensemble(folder)


def test_weights_file_that_is_larger_than_the_network_is_not_read(folder: Path) -> None:
    with (folder / "fold-1.safetensors").open("r+b") as file:
        file.truncate(2**40)  # it takes no space on disk
    with pytest.raises(AudiotagError, match=r"mine/fold-1\.safetensors must have at most .* bytes to fit its card"):
        load_ensemble(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1j])
def test_weights_that_are_not_finite_numbers_are_damaged(folder: Path, value: complex) -> None:
    weights = load((folder / "fold-1.safetensors").read_bytes())
    name = next(iter(weights))
    weights[name] = weights[name] * value
    put_weights(folder, save(weights))
    with pytest.raises(AudiotagError, match=r"mine/fold-1\.safetensors holds weights .* its weights are damaged"):
        load_ensemble(folder)


def test_weights_of_another_shape_are_named_with_both_shapes(folder: Path) -> None:
    weights = load((folder / "fold-1.safetensors").read_bytes())
    weights["0.0.weight"] = weights["0.0.weight"][:1].clone()
    put_weights(folder, save(weights))
    with pytest.raises(AudiotagError, match=r"'0\.0\.weight' has the shape \(1, .*\), the network's is \("):
        load_ensemble(folder)


@pytest.mark.parametrize("length", [0, 2, 2**40, 2**63 - 1])
def test_safetensors_header_of_any_length_is_refused(folder: Path, length: int) -> None:
    put_weights(folder, length.to_bytes(8, "little") + b"{}" + bytes(100))
    with pytest.raises(AudiotagError, match=r"mine/fold-1\.safetensors (is not a safetensors file|does not fit)"):
        load_ensemble(folder)


def test_one_file_cannot_be_the_weights_of_many_folds(folder: Path) -> None:
    first = json.loads((folder / "card.json").read_text())["folds"][0]
    change_card(folder, lambda card: card.update(folds=[first | {"fold": number} for number in range(1, 50)]))
    with pytest.raises(AudiotagError, match="folds must have different weights"):
        read_card(folder)
