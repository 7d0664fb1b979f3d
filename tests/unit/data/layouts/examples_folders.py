"""Small datasets without a plain table, each with what every clip of it must be."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from audiotag.audio.reading import wav_bytes

RAVEN_HEADER = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tBFSpecies\n"


@dataclass(frozen=True)
class Clip:
    """What a clip must be; labels are separated by bars."""

    labels: str = ""
    split: str | None = None
    fold: int | None = None
    group: str | None = None

    @property
    def subset(self) -> str:
        return "test" if self.split == "test" else "curated"


@dataclass(frozen=True)
class Example:
    """A dataset: its layout, the files in it (empty where no content is given), and its clips."""

    layout: str
    clips: dict[str, Clip]
    files: dict[str, str | bytes] = field(default_factory=dict)
    own_folds: tuple[int, ...] = ()
    problems: tuple[str, ...] = ()  # a part of each problem's sentence
    notes: tuple[str, ...] = ()  # parts of sentences about what was not used
    opened: str = ""  # the path to open, relative to the dataset's folder
    make: Callable[[Path], object] | None = None
    paths: bool = True  # whether the names of the clips are the paths of their sounds

    def build(self, root: Path) -> Path:
        """Make the files; returns the path to open."""
        sounds = dict.fromkeys(self.clips if self.paths else (), b"")
        for name, content in (sounds | self.files).items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content.encode() if isinstance(content, str) else content)
        if self.make:
            self.make(root)
        return root / self.opened


def tone(hertz: float = 440.0, seconds: float = 0.05) -> bytes:
    return wav_bytes(0.5 * np.sin(np.arange(int(8000 * seconds)) * 2 * np.pi * hertz / 8000), 8000)


def hugging_face_parquet(root: Path) -> None:
    names = ["dog", "cat"]
    features = {"audio": {"_type": "Audio"}, "label": {"names": names, "_type": "ClassLabel"}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    for split, labels in (("train", [0, 1, 0]), ("test", [1, -1])):
        sounds = [
            {"bytes": tone(), "path": f"../..\\{name}/a:{at}.wav"} for at, name in enumerate("xyz"[: len(labels)])
        ]
        table = pa.table({"audio": sounds, "label": labels, "speaker_id": [7] * len(labels)})
        (root / "data").mkdir(parents=True, exist_ok=True)
        pq.write_table(table.replace_schema_metadata(metadata), root / f"data/{split}-00000-of-00001.parquet")


LABEL_STUDIO_TASKS = [
    {
        "id": 1,
        "annotations": [
            {
                "completed_by": 1,
                "was_cancelled": False,
                "result": [
                    {"from_name": "what", "type": "choices", "value": {"choices": ["dog"]}},
                    {"from_name": "where", "type": "labels", "value": {"start": 0, "end": 1, "labels": ["rain"]}},
                ],
            }
        ],
        "file_upload": "1a2b3c4d-my_dog_1.wav",
        "data": {"audio": "/data/upload/1/1a2b3c4d-my_dog_1.wav"},
    },
    {
        "id": 2,
        "annotations": [
            {"completed_by": by, "was_cancelled": by == 4, "result": [{"value": {"choices": choices}}]}
            for by, choices in ((1, ["cat", "rain"]), (2, ["cat"]), (3, ["cat"]), (4, ["dog"]))
        ],
        "data": {"audio": "/data/local-files/?d=sounds%2Fcat.wav"},
    },
    {
        "id": 3,
        "annotations": [{"completed_by": 1, "was_cancelled": True, "result": []}],
        "data": {"audio": "s3://b/c.wav"},
    },
]
LABEL_STUDIO_MIN = [
    {
        "audio": "/data/upload/1/1a2b3c4d-my_dog_1.wav",
        "id": 1,
        "choice": "dog",
        "label": [{"start": 0, "end": 1.5, "labels": ["rain"]}],
        "annotator": 1,
        "annotation_id": 1,
        "created_at": "2024-01-01T00:00:00Z",
        "lead_time": 2.5,
    },
    {
        "audio": "https://bucket.example/x/cat.wav?sig=1",
        "id": 2,
        "my own field": {"choices": ["cat"]},
        "annotator": 1,
        "annotation_id": 2,
        "lead_time": 2.5,
    },
]
LABEL_STUDIO_CSV = (
    "audio,id,choice,label,annotator,annotation_id,created_at,lead_time\n"
    '/data/upload/1/1a2b3c4d-my_dog_1.wav,1,dog,"[{""start"":0,""end"":1,""labels"":[""rain""]}]",1,1,2024,2.5\n'
    "/data/upload/1/cat.wav,2,cat,,1,2,2024,2.5\n"
)
SONYC = (
    "split,sensor_id,audio_filename,annotator_id,year,1-1_small-sounding-engine_presence,1_engine_presence,"
    "2_machinery-impact_presence,1_engine_proximity\n"
    "train,3,a.wav,5,2016,1,1,0,near\ntrain,3,a.wav,6,2016,0,0,1,far\ntrain,3,a.wav,7,2016,0,1,0,far\n"
    "validate,4,b.wav,5,2016,1,1,0,near\nvalidate,4,b.wav,0,2016,0,0,1,-1\n"
    "test,5,c.wav,0,2016,0,1,-1,-1\ntest,5,d.wav,0,2016,0,0,0,-1\n"
)
AUDIOSET_NAMES = 'index,mid,display_name\n0,/m/09x0r,"Speech"\n1,/m/05zppz,"Male speech, man speaking"\n'
AUDIOSET = (
    "# Segments csv created Sun Mar  5 10:54:31 2017\n# num_ytids=4, num_segs=4, num_unique_labels=2\n"
    "# YTID, start_seconds, end_seconds, positive_labels\n"
    '--4gqARaEJE, 0.000, 10.000, "/m/09x0r,/m/05zppz"\n-0BfKxEBe_1, 30.000, 40.000, "/m/05zppz"\n'
    'abcdefgh_12, 30.000, 40.000, "/m/09x0r"\nabcdefgh_12, 60.000, 70.000, "/m/0nobody"\n'
    'gone_______, 30.000, 40.000, "/m/09x0r"\n'
)

EXAMPLES: dict[str, Example] = {
    "hidden and system folders": Example(
        "folder-per-class",
        {"dog/1.wav": Clip("dog"), "cat/1.wav": Clip("cat")},
        dict.fromkeys(
            [
                *(".git/x.wav", "__MACOSX/dog/._1.wav", "__MACOSX/y.wav", "$RECYCLE.BIN/$R1.wav", "lost+found/x.wav"),
                *("System Volume Information/x.wav", "@eaDir/1.wav/x.wav", ".Trash-1000/f.wav", "dog/@eaDir/x.wav"),
                *("dog/.ipynb_checkpoints/1-checkpoint.wav", "__pycache__/x.wav", "Thumbs.db", "dog/desktop.ini"),
                *(".AppleDouble/1.wav", "#recycle/1.wav", "dog/._1.wav", "dog/.DS_Store", "Thumbs.db.wav/readme.txt"),
            ],
            b"",
        ),
        notes=("Hidden and system folders are not read: #recycle, $RECYCLE.BIN",),
    ),
    "splits around classes": Example(
        "folder-per-class",
        {
            "train/dog/1.wav": Clip("dog", "train"),
            "train/cat/1.wav": Clip("cat", "train"),
            "test/dog/1.wav": Clip("dog", "test"),
            "test/cat/1.wav": Clip("cat", "test"),
        },
    ),
    "validation is held out": Example(
        "folder-per-class",
        {
            "TrainSet/dog/1.wav": Clip("dog", "train"),
            "Validation/dog/1.wav": Clip("dog", "validation", 1),
            "test-set/dog/1.wav": Clip("dog", "test"),
        },
    ),
    "splits within classes": Example(
        "folder-per-class",
        {
            "dog/train/1.wav": Clip("dog", "train"),
            "dog/test/1.wav": Clip("dog", "test"),
            "train/train/1.wav": Clip("train", "train"),
        },
    ),
    "other names of splits": Example(
        "folder-per-class",
        {"audio_train/dog/1.wav": Clip("dog", "train"), "test_audio/dog/1.wav": Clip("dog", "test")},
    ),
    "dev and eval": Example(
        "folder-per-class", {"DEV/dog/1.wav": Clip("dog", "train"), "eval/dog/1.wav": Clip("dog", "test")}
    ),
    "train, dev and test": Example(
        "folder-per-class",
        {
            "data/train/dog/1.wav": Clip("dog", "train"),
            "data/dev/dog/1.wav": Clip("dog", "validation", 1),
            "data/test/dog/1.wav": Clip("dog", "test"),
        },
    ),
    "splits with the name of the dataset": Example(
        "folder-per-class",
        {
            "My sounds.dev_audio/dog/1.wav": Clip("dog", "train"),
            "My sounds.eval_audio/dog/1.wav": Clip("dog", "test"),
        },
    ),
    "labels that are numbers": Example(
        "folder-per-class",
        {"07/1.wav": Clip("07"), "60/1.wav": Clip("60")},
        notes=("The labels are numbers, like 07; if they stand for speakers",),
    ),
    "a train is a vehicle": Example(
        "folder-per-class",
        {"train/1.wav": Clip("train"), "car/1.wav": Clip("car"), "bus/1.wav": Clip("bus")},
    ),
    "folds": Example(
        "folder-per-class",
        {
            "fold1/dog/1.wav": Clip("dog", fold=1),
            "fold2/dog/2.wav": Clip("dog", fold=2),
            "fold10/cat/1.wav": Clip("cat", fold=10),
        },
        own_folds=(1, 2, 10),
    ),
    "folds within classes": Example(
        "folder-per-class",
        {"audio/dog/cv1/1.wav": Clip("dog", fold=1), "audio/dog/cv_2/1.wav": Clip("dog", fold=2)},
        own_folds=(1, 2),
    ),
    "folds with numbers for names": Example(
        "folder-per-class",
        {"folds/1/dog/1.wav": Clip("dog", fold=1), "folds/2/cat/1.wav": Clip("cat", fold=2)},
        own_folds=(1, 2),
    ),
    "folds without classes": Example(
        "folder-of-sounds", {"fold_1/1.wav": Clip(fold=1), "fold_2/1.wav": Clip(fold=2)}, own_folds=(1, 2)
    ),
    "a container": Example("folder-of-sounds", {"recordings/1.wav": Clip(), "recordings/2.wav": Clip()}),
    "containers in classes": Example(
        "folder-per-class", {"dog/wav/1.wav": Clip("dog"), "cat/wav/1.wav": Clip("cat"), "cat/mp3/2.mp3": Clip("cat")}
    ),
    "speakers": Example(
        "folder-of-sounds",
        {"Actor_01/03-01.wav": Clip(group="Actor_01"), "Actor_02/03-01.wav": Clip(group="Actor_02")},
        notes=("no labels are known", "use the option folders with label"),
    ),
    "days around classes": Example(
        "folder-per-class",
        {
            "2024-05-01/dog/1.wav": Clip("dog", group="2024-05-01"),
            "2024-05-02/dog/1.wav": Clip("dog", group="2024-05-02"),
        },
    ),
    "sessions within classes": Example(
        "folder-per-class",
        {
            "dog/session1/1.wav": Clip("dog", group="dog/session1"),
            "cat/session1/1.wav": Clip("cat", group="cat/session1"),
            "cat/speaker_3/1.wav": Clip("cat", group="speaker_3"),
        },
    ),
    "background noise": Example(
        "folder-per-class",
        {"yes/1.wav": Clip("yes"), "no/1.wav": Clip("no")},
        {"_background_noise_/pink.wav": b"", "_background_noise_/white.wav": b""},
        notes=("_background_noise_ holds 2 sounds without a label; they are left out.",),
    ),
    "genus and species": Example(
        "folder-per-class",
        {
            "Corvus/corax/1.wav": Clip("corax"),
            "Corvus/corone/1.wav": Clip("corone"),
            "Parus/major/1.wav": Clip("Parus/major"),
            "Dendrocopos/major/1.wav": Clip("Dendrocopos/major"),
        },
    ),
    "places around classes": Example(
        "folder-per-class",
        {
            f"{place}/{label}/1.wav": Clip(label, group=place)
            for place in ("Harbour", "Old town")
            for label in ("car", "bird", "rain")
        },
        notes=("The same folders are in Harbour and Old town",),
    ),
    "sounds deeper than their class": Example(
        "folder-per-class",
        {"dog/1.wav": Clip("dog"), "cat/1.wav": Clip("cat"), "cat/more/2.wav": Clip("cat")},
        notes=("cat/more lies in a folder that has sounds itself; its sounds have the label cat.",),
    ),
    "sounds beside classes": Example(
        "folder-per-class",
        {"train/dog/1.wav": Clip("dog", "train"), "test/dog/1.wav": Clip("dog", "test")},
        {"stray.wav": b"", "train/stray.wav": b""},
        problems=("stray.wav is not in the folder of a class; it is left out.", "train/stray.wav is not in the folder"),
    ),
    "a test split without labels": Example(
        "folder-per-class",
        {
            "train/dog/1.wav": Clip("dog", "train"),
            "train/cat/1.wav": Clip("cat", "train"),
            "test/9.wav": Clip("", "test"),
        },
    ),
    "one sound": Example(
        "one-sound", {"a.wav": Clip()}, {"b.wav": b"", "t.csv": "file,label\na.wav,dog\n"}, opened="a.wav"
    ),
    "Hugging Face AudioFolder": Example(
        "huggingface-audiofolder",
        {
            "train/1.wav": Clip("dog", "train", group="7"),
            "train/sub/2.wav": Clip("cat", "train", group="8"),
            "test/1.wav": Clip("cat", "test", group="7"),
        },
        {
            "train/metadata.csv": "file_name,label,speaker_id,length\n"
            "1.wav,dog,7,3\nsub/2.wav,cat,8,4\ngone.wav,cat,8,4\n",
            "test/metadata.csv": "file_name,label,speaker_id,length\n1.wav,cat,7,3\n",
            "test/extra.wav": b"",
        },
        problems=(
            "gone.wav is listed in train/metadata.csv but not in",
            "test/extra.wav is not in the metadata; it is left out.",
        ),
        notes=("Not used: the columns length.",),
    ),
    "Hugging Face AudioFolder with JSON lines": Example(
        "huggingface-audiofolder",
        {"data/1.wav": Clip("dog|rain"), "data/2.wav": Clip("Vehicle horn, car horn, honking")},
        {
            "metadata.jsonl": '{"file_name": "data/1.wav", "labels": ["dog", "rain"]}\n'
            '{"file_name": "data/2.wav", "labels": ["Vehicle horn, car horn, honking"]}\n'
        },
    ),
    "Hugging Face AudioFolder with Parquet": Example(
        "huggingface-audiofolder",
        {"train/1.wav": Clip("dog", "train"), "validation/1.wav": Clip("cat", "validation", 1)},
        make=lambda root: [
            pq.write_table(pa.table({"file_name": ["1.wav"], "label": [label]}), root / split / "metadata.parquet")
            for split, label in (("train", "dog"), ("validation", "cat"))
        ],
    ),
    "Hugging Face AudioFolder with transcriptions": Example(
        "huggingface-audiofolder",
        {"train/1.wav": Clip("", "train"), "train/2.wav": Clip("", "train")},
        {"train/metadata.csv": "file_name,transcription\n1.wav,hello\n2.wav,there\n"},
        notes=("No column holds labels", "Not used: the columns transcription."),
    ),
    "Hugging Face AudioFolder with labels by folder": Example(
        "huggingface-audiofolder",
        {"dog/1.wav": Clip("dog"), "cat/1.wav": Clip("cat")},
        {"metadata.csv": "file_name,year\ndog/1.wav,2001\ncat/1.wav,2002\n"},
    ),
    "Hugging Face Parquet": Example(
        "huggingface-parquet",
        {
            "data/train-00000-of-00001/000000-a_0.wav": Clip("dog", "train", group="7"),
            "data/train-00000-of-00001/000001-a_1.wav": Clip("cat", "train", group="7"),
            "data/train-00000-of-00001/000002-a_2.wav": Clip("dog", "train", group="7"),
            "data/test-00000-of-00001/000000-a_0.wav": Clip("cat", "test", group="7"),
            "data/test-00000-of-00001/000001-a_1.wav": Clip("", "test", group="7"),
        },
        make=hugging_face_parquet,
        paths=False,
        notes=("copied into the workspace once",),
    ),
    "DESED": Example(
        "desed",
        {
            "audio/train/weak/a.wav": Clip("Speech|Dog", "train"),
            "audio/train/synthetic20/soundscapes/1.wav": Clip("Dog|Cat", "train"),
            "audio/validation/validation/a.wav": Clip("Blender", "validation", 1),
            "audio/eval/public/a.wav": Clip("Cat", "test"),
        },
        {
            "metadata/train/weak.tsv": "filename\tevent_labels\na.wav\tSpeech,Dog\ngone.wav\tDog\n",
            "metadata/train/unlabel_in_domain.tsv": "filename\nu.wav\n",
            "metadata/train/synthetic20/soundscapes.tsv": "filename\tonset\toffset\tevent_label\n"
            "1.wav\t0.1\t0.5\tDog\n1.wav\t0.2\t0.9\tCat\n1.wav\t0.5\t0.9\tDog\n",
            "metadata/validation/validation.tsv": "filename\tonset\toffset\tevent_label\n"
            "a.wav\t0\t1\tBlender\nb.wav\t\t\t\n",
            "metadata/validation/eval_dcase2018.tsv": "filename\tonset\toffset\tevent_label\na.wav\t0\t1\tBlender\n",
            "metadata/eval/public.tsv": "filename\tonset\toffset\tevent_label\na.wav\t0\t1\tCat\n",
            "audio/train/unlabel_in_domain/u.wav": b"",
            "audio/validation/validation/b.wav": b"",
        },
        problems=("gone.wav is listed in metadata/train/weak.tsv but not in",),
        notes=(
            "1 sound in audio/train/unlabel_in_domain without an annotation",
            "1 sound without any label, like audio/val",
        ),
    ),
    "SONYC-UST": Example(
        "sonyc-ust",
        {
            "audio/audio-0/a.wav": Clip("engine", "train", group="3"),
            "audio/audio-0/b.wav": Clip("machinery-impact", "validation", 1, "4"),
            "audio/audio-1/c.wav": Clip("engine", "test", group="5"),
        },
        {"annotations.csv": SONYC, "audio/audio-1/d.wav": b"", "dcase-ust-taxonomy.yaml": "coarse:\n"},
        notes=(
            "The coarse labels are used",
            "clips of the second kind: 1.",
            "1 sound without any label, like audio/audio-1/d",
        ),
    ),
    "AudioSet": Example(
        "audioset",
        {
            "audio/--4gqARaEJE.wav": Clip("Speech|Male speech, man speaking", "train", group="--4gqARaEJE"),
            "audio/Y-0BfKxEBe_1.flac": Clip("Male speech, man speaking", "train", group="-0BfKxEBe_1"),
            "audio/abcdefgh_12_30.000_40.000.wav": Clip("Speech", "train", group="abcdefgh_12"),
            "audio/Yabcdefgh_12_60000.wav": Clip("/m/0nobody", "train", group="abcdefgh_12"),
            "audio/evaluation1.wav": Clip("Speech", "test", group="evaluation1"),
        },
        {
            "balanced_train_segments.csv": AUDIOSET,
            "eval_segments.csv": "# YTID, start_seconds, end_seconds, positive_labels\nevaluation1, 0, 10, /m/09x0r\n",
            "meta/class_labels_indices.csv": AUDIOSET_NAMES,
        },
        problems=("gone________30 is listed in balanced_train_segments.csv but not in",),
        notes=("Labels without a name: 1, like /m/0nobody",),
    ),
    "AudioSet with the ontology": Example(
        "audioset",
        {"--4gqARaEJE.wav": Clip("Speech|/m/05zppz", "train", group="--4gqARaEJE")},
        {"unbalanced_train_segments.csv": AUDIOSET, "ontology.json": '[{"id": "/m/09x0r", "name": "Speech"}]'},
        problems=("4 sounds, like -0BfKxEBe_1_30, are listed in",),
    ),
    "Label Studio JSON": Example(
        "label-studio",
        {"sounds/my dog (1).wav": Clip("dog|rain"), "sounds/cat.wav": Clip("cat")},
        {"project-1.json": json.dumps(LABEL_STUDIO_TASKS), "sounds/c.wav": b""},
        notes=("Clips with several annotations: 1.", "1 sound in sounds without an annotation"),
    ),
    "Label Studio JSON-MIN": Example(
        "label-studio",
        {"my dog (1).wav": Clip("dog|rain"), "x/cat.wav": Clip("cat")},
        {"annotations/project-1.json": json.dumps(LABEL_STUDIO_MIN)},
        opened="annotations/project-1.json",
    ),
    "Label Studio CSV": Example(
        "label-studio",
        {"my_dog_1.wav": Clip("dog|rain"), "cat.wav": Clip("cat")},
        {"project-1.csv": LABEL_STUDIO_CSV},
    ),
    "Audacity beside the sounds": Example(
        "audacity-labels",
        {"a.wav": Clip("dog|cat"), "b.wav": Clip("bird song")},
        {
            "a.txt": "0.000000\t1.500000\tdog\n\\\t200.0\t4000.0\n1.2\t1.2\tcat\n2\t3\tdog 0.93\n",
            "b.txt": "0\t1\tbird song\n",
            "c.txt": "",
            "c.wav": b"",
            "readme.txt": "Two sounds.\n",
        },
        notes=("1 sound without any label, like c.wav,",),
    ),
    "Audacity in a folder of labels": Example(
        "audacity-labels",
        {"audio/dog/1.wav": Clip("bark"), "audio/cat/1.wav": Clip("meow")},
        {"labels/dog/1.txt": "0\t1\tbark\n", "labels/cat/1_labels.txt": "0\t1\tmeow\n", "audio/2.wav": b""},
        notes=("1 sound in audio without an annotation is left out.",),
    ),
    "Raven tables, one per sound": Example(
        "raven-selections",
        {"a.wav": Clip("dog|cat"), "night/b.wav": Clip("bird song, far")},
        {
            "a.Table.1.selections.txt": RAVEN_HEADER.replace("BF", "")
            + "1\tSpectrogram 1\t1\t0.5\t1.5\t200.0\t4000.0\tdog\n1\tWaveform 1\t1\t0.5\t1.5\t200.0\t4000.0\tdog\n"
            + "2\tSpectrogram 1\t1\t2\t3\t200.0\t4000.0\t cat \n3\tSpectrogram 1\t1\t4\t5\t0\t1\t\n",
            "night/b.selections.txt": RAVEN_HEADER.replace("BF", "")
            + '1\tSpectrogram 1\t1\t0.5\t1.5\t200.0\t4000.0\t"bird song, far"\r\n',
            "c.Table.1.selections.txt": RAVEN_HEADER.replace("BF", ""),
            "c.wav": b"",
            "readme.txt": "Two sounds.\n",
        },
        notes=("1 sound without any label, like c.wav,", "When a selection begins and ends"),
    ),
    "Raven table about several sounds": Example(
        "raven-selections",
        {"audio/1.wav": Clip("wren"), "audio/2.wav": Clip("robin|wren")},
        {
            "annotations/all.txt": RAVEN_HEADER.replace("BF", "Begin File\tFile Offset (s)\t")
            + "1\tSpectrogram 1\t1\t0.5\t1.5\t200.0\t4000.0\t1.wav\t0.5\twren\n"
            + "2\tSpectrogram 1\t1\t60.5\t61.5\t200.0\t4000.0\t2.wav\t0.5\trobin\n"
            + "3\tSpectrogram 1\t1\t62.5\t63.5\t200.0\t4000.0\t2.wav\t2.5\twren\n"
            + "4\tSpectrogram 1\t1\t90.0\t91.0\t200.0\t4000.0\tgone.wav\t2.5\twren\n",
            "audio/3.wav": b"",
        },
        problems=("gone.wav is listed in the selection tables but not in",),
        notes=("1 sound in audio without an annotation is left out.",),
    ),
    "class folders beside metadata of something else": Example(
        "folder-per-class",
        {f"{label}/{number}.wav": Clip(label) for label in ("dog", "cat") for number in range(3)},
        {
            "metadata.csv": "file_name,label\npicture.png,dog\n",
            "dog/1.txt": "0\t1\tbark\n",
            "dog/readme.txt": "Dogs.\n",
        },
    ),
    "class folders beside other tables": Example(
        "folder-per-class",
        {"dog/1.wav": Clip("dog"), "cat/1.wav": Clip("cat")},
        {"features.csv": "filename,mfcc_1,label\n0001,3.1,x\n0002,2.2,y\n", "readme.csv": "author,year\nAnn,2020\n"},
        notes=("Tables beside the folders are not used: features.csv, readme.csv.",),
    ),
}
