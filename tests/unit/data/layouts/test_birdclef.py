"""BirdCLEF: primary and secondary labels, authors as groups, in the forms of its years."""

from collections.abc import Callable
from pathlib import Path

from audiotag.data.layouts import open_dataset

from .conftest import BIRDCLEF, BIRDCLEF_2021, Build, by_clip, files


def test_labels_authors_licences_and_sources(example: Callable[[Build], Path]) -> None:
    dataset = open_dataset(example(BIRDCLEF))
    assert dataset.labels == ("afrsil1", "houspa", "redava")
    assert by_clip(dataset, "subset", "labels", "group", "licence", "source") == {
        "afrsil1/XC125458.ogg": (
            *("curated", ("afrsil1",), "Bram Piot", "CC BY-NC-SA 4.0"),
            "https://www.xeno-canto.org/125458",
        ),
        "afrsil1/XC175522.ogg": (
            *("curated", ("afrsil1", "houspa", "redava"), "Dan Lane", "CC BY-NC-SA 4.0"),
            "https://www.xeno-canto.org/175522",
        ),
        "houspa/XC1.ogg": ("curated", ("houspa",), "XC1", "CC BY 4.0", "https://www.xeno-canto.org/1"),
    }
    (reading,) = dataset.readings
    assert reading.roles["labels"] == ("primary_label", "secondary_labels")
    assert reading.label_format == "the primary label, then a list of secondary labels"
    assert reading.ignored == ("test_soundscapes/ holds long recordings, which are not clips of the table.",)
    assert (dataset.problems, dataset.missing) == ((), ())


def test_names_without_folder_are_in_the_folder_of_their_species(example: Callable[[Build], Path]) -> None:
    dataset = open_dataset(example(BIRDCLEF_2021))
    assert by_clip(dataset, "labels", "group") == {"acafly/XC133080.ogg": (("acafly", "amegfi"), "Mike Nelson")}


def test_names_of_species_in_2020_become_the_codes_of_their_folders(example: Callable[[Build], Path]) -> None:
    table = (
        "ebird_code,filename,primary_label,secondary_labels,author\n"
        "aldfly,XC1.mp3,Empidonax alnorum_Alder Flycatcher,\"['Turdus migratorius_American Robin']\",Ann\n"
        "amerob,XC2.mp3,Turdus migratorius_American Robin,[],Bob\n"
    )
    dataset = open_dataset(
        example(files({"train.csv": table}, "train_audio/aldfly/XC1.mp3", "train_audio/amerob/XC2.mp3"))
    )
    assert dataset.layout_key == "birdclef"
    expected = {"aldfly/XC1.mp3": (("aldfly", "amerob"), "Ann"), "amerob/XC2.mp3": (("amerob",), "Bob")}
    assert by_clip(dataset, "labels", "group") == expected


def test_sounds_that_are_not_there_are_said(example: Callable[[Build], Path]) -> None:
    root = example(BIRDCLEF)
    (root / "train_audio/houspa/XC1.ogg").rename(root / "train_audio/houspa/XC2.ogg")
    dataset = open_dataset(root / "train_metadata.csv")
    found = [(problem.clip, problem.kind) for problem in dataset.problems]
    assert found == [("houspa/XC1.ogg", "missing"), ("houspa/XC2.ogg", "counts")]
