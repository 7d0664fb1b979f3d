"""Odd datasets that strangers bring: each gives the labels that a careful reader sees, and says what it ignores."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from audiotag.data.dataset import Dataset
from audiotag.data.layouts import open_dataset
from audiotag.errors import AudiotagError


@dataclass(frozen=True)
class Odd:
    """Text files, the labels of every clip (its path, and a bar between labels), and values of a further column."""

    texts: dict[str, str]
    labels: dict[str, str]
    column: tuple[str, dict[str, object]] = ("split", {})
    ignored: str = ""  # a part of what is said about what was not used
    others: tuple[str, ...] = field(default=())  # sounds that are not among the clips


SOUNDS = {"a.wav": "dog", "b.wav": "cat", "c.wav": "dog"}
ODD = {
    "test clips that have the column of verified clips": Odd(
        {
            "FSDnoisy18k.meta/train.csv": "fname,label,manually_verified,noisy_small\n1.wav,Rain,0,1\n",
            "FSDnoisy18k.meta/test.csv": "fname,label,manually_verified,noisy_small\n2.wav,Rain,1,0\n",
        },
        {"FSDnoisy18k.audio_train/1.wav": "Rain", "FSDnoisy18k.audio_test/2.wav": "Rain"},
        ("subset", {"FSDnoisy18k.audio_train/1.wav": "noisy", "FSDnoisy18k.audio_test/2.wav": "test"}),
    ),
    "DESED's repository, around its folder dataset": Odd(
        {
            "README.md": "",
            "dataset/metadata/train/weak.tsv": "filename\tevent_labels\n1.wav\tSpeech,Dog\n",
            "dataset/metadata/validation/validation.tsv": "filename\tonset\toffset\tevent_label\n2.wav\t0\t1\tCat\n",
        },
        {"dataset/audio/train/weak/1.wav": "Speech|Dog", "dataset/audio/validation/2.wav": "Cat"},
        ("split", {"dataset/audio/train/weak/1.wav": "train", "dataset/audio/validation/2.wav": "validation"}),
    ),
    "onsets without labels beside class folders, as in NIGENS": Odd(
        {"alarm/1.wav.txt": "0.1\t2.0\n", "baby/2.wav.txt": "0.5\t1.0\n"},
        {"alarm/1.wav": "alarm", "baby/2.wav": "baby"},
    ),
    "VGGSound, without header": Odd(
        {
            "vggsound.csv": "---g-f_I2yQ,1,people marching,test\n--0PQM4-hqg,30,waterfall burbling,train\n"
            '--56QUhyDQM,185,"playing tennis, outside",train\nabcdefghijk,1,people marching,train\n'
        },
        {
            "audio/---g-f_I2yQ_000001.wav": "people marching",
            "audio/--0PQM4-hqg_000030.wav": "waterfall burbling",
            "audio/--56QUhyDQM_000185.wav": "playing tennis, outside",
        },
        ("split", {"audio/---g-f_I2yQ_000001.wav": "test", "audio/--0PQM4-hqg_000030.wav": "train"}),
    ),
    "one column of 0 and 1, as in warblrb10k": Odd(
        {"meta.csv": "itemid,datasetid,hasbird\n7a,warblrb10k,1\n7b,warblrb10k,0\n"},
        {"wav/7a.wav": "1", "wav/7b.wav": "0"},
        ignored="the only other one, hasbird, was used",
    ),
    "durations of sounds in class folders": Odd(
        {"durations.csv": "file,duration\na.wav,1.25\nb.wav,2\n"},
        {"dog/a.wav": "dog", "cat/b.wav": "cat"},
        ignored="Tables beside the folders are not used: durations.csv.",
    ),
    "transcripts of sounds in class folders": Odd(
        {"transcripts.csv": "file,text\na.wav,hello you\nb.wav,bye\n"}, {"dog/a.wav": "dog", "cat/b.wav": "cat"}
    ),
    "a flag that is no label": Odd(
        {"t.csv": "fname,verified,dog,cat\na.wav,1,1,0\nb.wav,0,0,1\nc.wav,1,1,0\n"},
        SOUNDS,
        ignored="Columns that are not used: verified.",
    ),
    "primary and secondary labels": Odd(
        {"t.csv": "fname,primary_label,secondary_labels\na.wav,dog,\"['cat', 'owl']\"\nb.wav,cat,[]\n"},
        {"a.wav": "dog|cat|owl", "b.wav": "cat"},
    ),
    "crosses": Odd({"t.csv": "fname,dog,cat\na.wav,x,\nb.wav,,x\nc.wav,X,\n"}, SOUNDS),
    "three columns without header": Odd({"t.csv": "1,a.wav,dog\n2,b.wav,cat\n3,c.wav,dog\n"}, SOUNDS),
    "addresses with a query": Odd(
        {
            "t.csv": "".join(
                f"https://x.org/s/{name}?dl=1,{label}\n" for name, label in ({"url": "label"} | SOUNDS).items()
            )
        },
        SOUNDS,
    ),
    "numbers that lost their zeros": Odd(
        {"t.csv": "id,label\n7,dog\n12,cat\n"}, {"0007.wav": "dog", "0012.wav": "cat"}
    ),
    "cells that a program wrote for nothing": Odd(
        {"t.csv": "fname,label\na.wav,dog\nb.wav,cat\nz.wav,nan\n"}, {"a.wav": "dog", "b.wav": "cat"}, others=("z.wav",)
    ),
    "a text file of labels": Odd({"labels.txt": "a.wav\tdog\nb.wav\tcat\nc.wav\tdog\n", "readme.txt": "Hi"}, SOUNDS),
    "table and sounds in the only folder": Odd(
        {"data/labels.csv": "fname,label\na.wav,dog\nb.wav,cat\n"},
        {"data/audio/a.wav": "dog", "data/audio/b.wav": "cat"},
    ),
    "sounds that the table does not name": Odd(
        {"t.csv": "fname,label\na.wav,dog\nb.wav,cat\n"},
        {"a.wav": "dog", "b.wav": "cat"},
        ignored="2 sounds, like x.wav, are not in the table and not used.",
        others=("x.wav", "y.wav"),
    ),
    "one folder of all sounds": Odd(
        {"authors.txt": "Ann"}, {"AVE/a.wav": "AVE"}, ignored="All labelled sounds have the label AVE"
    ),
    "folders set_a and set_b": Odd({}, {"set_a/dog/a.wav": "dog", "set_b/cat/b.wav": "cat", "set_a/cat/c.wav": "cat"}),
    "metadata of Hugging Face with capitals": Odd(
        {"metadata.csv": "file_name,Label,Split\na.wav,dog,Train\nb.wav,cat,Test\nc.wav,dog,Train\n"},
        SOUNDS,
        ("split", {"a.wav": "train", "b.wav": "test"}),
    ),
    "metadata of Hugging Face with species and folds from 0": Odd(
        {"metadata.csv": "file_name,species,fold\na.wav,dog,0\nb.wav,cat,1\nc.wav,dog,1\n"},
        SOUNDS,
        ("fold", {"a.wav": 0, "b.wav": 1, "c.wav": 1}),
    ),
    "metadata of Hugging Face with columns of 0 and 1": Odd(
        {
            "metadata.jsonl": "".join(
                json.dumps({"file_name": f, "dog": int(x == "dog"), "cat": int(x == "cat")}) + "\n"
                for f, x in SOUNDS.items()
            )
        },
        SOUNDS,
    ),
    "a kitchen20.csv with other columns": Odd(
        {"kitchen20.csv": "filename,label\na.wav,dog\nb.wav,cat\nc.wav,dog\n"}, SOUNDS
    ),
}


def build(root: Path, texts: Mapping[str, str], *sounds: str) -> Path:
    for name, text in {**dict.fromkeys(sounds, ""), **texts}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize("name", ODD)
def test_odd_dataset_is_read_as_a_careful_person_would(name: str, tmp_path: Path) -> None:
    odd = ODD[name]
    root = build(tmp_path / "odd", odd.texts, *odd.labels, *odd.others)
    dataset = open_dataset(root)
    clips = dataset.clips.assign(file=[path.relative_to(root).as_posix() for path in dataset.clips["path"]])
    assert {row.file: set(row.labels) for row in clips.itertuples()} == {
        file: set(labels.split("|")) for file, labels in odd.labels.items()
    }
    column, values = odd.column
    assert dict(zip(clips["file"], clips[column], strict=True)).items() >= values.items()
    assert odd.ignored in " ".join(sentence for reading in dataset.readings for sentence in reading.ignored)


def test_columns_of_a_respiratory_database_are_no_label_track(tmp_path: Path) -> None:
    texts = {"101_1b1.txt": "0.04\t0.58\t0\t1\n0.58\t2.45\t1\t0\n", "102_1b1.txt": "0.1\t0.9\t0\t0\n"}
    dataset: Dataset = open_dataset(build(tmp_path / "icbhi", texts, "101_1b1.wav", "102_1b1.wav"))
    assert (dataset.layout_key, dataset.labels) == ("folder-of-sounds", ())


def test_path_that_no_layout_recognises_gets_a_short_and_helpful_sentence(tmp_path: Path) -> None:
    root = build(tmp_path / "papers", {"a.pdf": "", "b.pdf": "", "notes/c.docx": ""})
    with pytest.raises(AudiotagError) as error:
        open_dataset(root)
    sentence = str(error.value)
    assert "2 files (.pdf) and 1 folder, but no sounds and no table that names any" in sentence
    assert "audiotag scan --help" in sentence
    assert len(sentence) < 500 + len(str(root))
    (empty := tmp_path / "empty").mkdir()
    with pytest.raises(AudiotagError, match="it is empty"):
        open_dataset(empty)
