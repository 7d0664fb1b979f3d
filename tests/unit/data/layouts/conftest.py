"""A small example of every shipped layout; its sounds are empty files, because opening a dataset reads none."""

from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag.data.dataset import Dataset

Build = Callable[[Path], Path]  # writes an example into an empty folder, and gives the path to open


def files(tables: dict[str, str], *clips: str, opened: str = ".") -> Build:
    """An example of these text files and empty sounds; ``opened`` is the path to open, relative to its folder."""

    def build(root: Path) -> Path:
        for name, text in {**dict.fromkeys(clips, ""), **tables}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        return root / opened

    return build


FSD50K = files(
    {
        "FSD50K.ground_truth/dev.csv": "fname,labels,mids,split\n"
        '64760,"Electric_guitar,Guitar,Music","/m/02sgy,/m/0342h,/m/04rlf",train\n'
        '16399,"Bark,Dog","/m/05tny_,/m/0bt9lr",val\n'
        '345111,"Bark,Dog","/m/05tny_,/m/0bt9lr",train\n',
        "FSD50K.ground_truth/eval.csv": 'fname,labels,mids\n99,"Guitar,Music","/m/0342h,/m/04rlf"\n',
        "FSD50K.ground_truth/vocabulary.csv": "0,Bark,/m/05tny_\n1,Dog,/m/0bt9lr\n2,Electric_guitar,/m/02sgy\n"
        "3,Guitar,/m/0342h\n4,Music,/m/04rlf\n",
        "FSD50K.metadata/dev_clips_info_FSD50K.json": '{"64760": {"license": "http://creativecommons.org/licenses/by/3.0/"'
        ', "uploader": "a"}, "16399": {"license": "http://creativecommons.org/publicdomain/zero/1.0/"}}',
        "FSD50K.metadata/class_info_FSD50K.json": "{}",
        "FSD50K.metadata/collection/collection_dev.csv": 'fname,labels,mids\n64760,"Guitar",/m/0342h\n',
        "FSD50K.doc/README.md": "FSD50K",
    },
    *("FSD50K.dev_audio/64760.wav", "FSD50K.dev_audio/16399.wav", "FSD50K.dev_audio/345111.wav"),
    "FSD50K.eval_audio/99.wav",
)
FSD50K_ON_HUGGING_FACE = files(
    {
        "labels/dev.csv": "fname,labels,mids,split\n1,Bark,/m/05tny_,train\n2,Bark,/m/05tny_,val\n",
        "labels/eval.csv": "fname,labels,mids\n3,Bark,/m/05tny_\n",
        "labels/vocabulary.csv": "0,Bark,/m/05tny_\n",
    },
    *("clips/dev/1.wav", "clips/dev/2.wav", "clips/eval/3.wav"),
)
FSDNOISY18K = files(
    {
        "FSDnoisy18k.meta/train.csv": "fname,label,aso_id,manually_verified,noisy_small\n"
        "163634.wav,Rain,/m/06mb1,1,0\n64486.wav,Rain,/m/06mb1,0,1\n65573.wav,Fart,/m/02_nn,0,0\n",
        "FSDnoisy18k.meta/test.csv": "fname,label,aso_id\n27420.wav,Fart,/m/02_nn\n",
    },
    *("FSDnoisy18k.audio_train/163634.wav", "FSDnoisy18k.audio_train/64486.wav", "FSDnoisy18k.audio_train/65573.wav"),
    "FSDnoisy18k.audio_test/27420.wav",
)
FSDKAGGLE2018 = files(
    {
        "FSDKaggle2018.meta/train_post_competition.csv": "fname,label,manually_verified,freesound_id,license\n"
        "00044347.wav,Hi-hat,0,28739,Attribution\n001ca53d.wav,Saxophone,1,358827,Creative Commons 0\n",
        "FSDKaggle2018.meta/test_post_competition_scoring_clips.csv": "fname,label,usage,freesound_id,license\n"
        "00326aa9.wav,Oboe,Private,355125,Attribution\n",
        "FSDKaggle2018.doc/README.md": "FSDKaggle2018",
    },
    *("FSDKaggle2018.audio_train/00044347.wav", "FSDKaggle2018.audio_train/001ca53d.wav"),
    "FSDKaggle2018.audio_test/00326aa9.wav",
)
FSDKAGGLE2018_ON_KAGGLE = files(
    {
        "train.csv": "fname,label,manually_verified\n00044347.wav,Hi-hat,0\n001ca53d.wav,Saxophone,1\n",
        "sample_submission.csv": "fname,label\n00326aa9.wav,Laughter Hi-Hat Flute\n",
    },
    *("audio_train/00044347.wav", "audio_train/001ca53d.wav", "audio_test/00326aa9.wav", "audio_test/0038a046.wav"),
)
URBANSOUND8K_CLIPS = (
    *("fold1/135776-2-0-49.wav", "fold5/100032-3-0-0.wav", "fold5/100263-2-0-117.wav", "fold5/100263-2-0-121.wav"),
    "fold10/7061-6-0-0.wav",
)
URBANSOUND8K_TABLE = (
    "slice_file_name,fsID,start,end,salience,fold,classID,class\n"
    "135776-2-0-49.wav,135776,0.0,4.0,2,1,2,children_playing\n100032-3-0-0.wav,100032,0.0,0.317551,1,5,3,dog_bark\n"
    "100263-2-0-117.wav,100263,58.5,62.5,1,5,2,children_playing\n"
    "100263-2-0-121.wav,100263,60.5,64.5,1,5,2,children_playing\n7061-6-0-0.wav,7061,8.9,12.9,1,10,6,gun_shot\n"
)
URBANSOUND8K = files(
    {"metadata/UrbanSound8K.csv": URBANSOUND8K_TABLE, "FREESOUNDCREDITS.txt": "100032.wav,dog bark,ann"},
    *(f"audio/{clip}" for clip in URBANSOUND8K_CLIPS),
    "audio/fold5/.DS_Store",
)
URBANSOUND8K_ON_KAGGLE = files({"UrbanSound8K.csv": URBANSOUND8K_TABLE}, *URBANSOUND8K_CLIPS)
URBANSOUND8K_FOLDS = files({}, *(f"audio/{clip}" for clip in URBANSOUND8K_CLIPS))
URBANSOUND8K_FLAT = files({}, *(clip.rpartition("/")[2] for clip in URBANSOUND8K_CLIPS))
SPEECH_COMMANDS_CLIPS = (
    *("bed/00176480_nohash_0.wav", "bed/00176480_nohash_1.wav", "bed/004ae714_nohash_0.wav"),
    *("yes/00176480_nohash_0.wav", "yes/0137b3f4_nohash_0.wav", "_background_noise_/pink_noise.wav"),
)
SPEECH_COMMANDS_LISTS = {
    "validation_list.txt": "bed/004ae714_nohash_0.wav\n",
    "testing_list.txt": "yes/0137b3f4_nohash_0.wav\n",
}
SPEECH_COMMANDS = files(
    {**SPEECH_COMMANDS_LISTS, "README.md": "Speech Commands", "_background_noise_/README.md": "noise"},
    *SPEECH_COMMANDS_CLIPS,
)
SPEECH_COMMANDS_ON_KAGGLE = files(
    {f"train/{name}": text for name, text in SPEECH_COMMANDS_LISTS.items()}
    | {"sample_submission.csv": "fname,label\n"},
    *(f"train/audio/{clip}" for clip in SPEECH_COMMANDS_CLIPS),
    "test/audio/clip_000044442.wav",
)
TAU_CLIPS = (
    *("airport-barcelona-0-0-a.wav", "airport-barcelona-0-1-a.wav", "airport-lyon-7-40-b.wav"),
    *("metro-prague-1163-44094-a.wav", "park-milan-1164-44095-s1.wav"),
)
TAU = files(
    {
        "meta.csv": "filename\tscene_label\tidentifier\tsource_label\n"
        "audio/airport-barcelona-0-0-a.wav\tairport\tbarcelona-0\ta\n"
        "audio/airport-barcelona-0-1-a.wav\tairport\tbarcelona-0\ta\naudio/airport-lyon-7-40-b.wav\tairport\tlyon-7\tb\n"
        "audio/metro-prague-1163-44094-a.wav\tmetro\tprague-1163\ta\n"
        "audio/park-milan-1164-44095-s1.wav\tpark\tmilan-1164\ts1\n",
        "evaluation_setup/fold1_train.csv": "filename\tscene_label\naudio/airport-barcelona-0-0-a.wav\tairport\n"
        "audio/airport-barcelona-0-1-a.wav\tairport\naudio/metro-prague-1163-44094-a.wav\tmetro\n",
        "evaluation_setup/fold1_test.csv": "filename\naudio/airport-lyon-7-40-b.wav\n",
        "evaluation_setup/fold1_evaluate.csv": "filename\tscene_label\naudio/airport-lyon-7-40-b.wav\tairport\n",
    },
    *(f"audio/{clip}" for clip in TAU_CLIPS),
)
TUT2016 = files(
    {
        "meta.txt": "audio/b020_90_100.wav\tbeach\naudio/b020_110_120.wav\tbeach\naudio/a001_0_30.wav\tbus\n",
        "evaluation_setup/fold1_train.txt": "audio/b020_90_100.wav\tbeach\naudio/b020_110_120.wav\tbeach\n",
        "evaluation_setup/fold1_evaluate.txt": "audio/a001_0_30.wav\tbus\n",
        "evaluation_setup/fold2_train.txt": "audio/a001_0_30.wav\tbus\n",
        "evaluation_setup/fold2_evaluate.txt": "audio/b020_90_100.wav\tbeach\naudio/b020_110_120.wav\tbeach\n",
    },
    *("audio/b020_90_100.wav", "audio/b020_110_120.wav", "audio/a001_0_30.wav"),
)
GTZAN_CLIPS = ("blues/blues.00000.wav", "blues/blues.00001.wav", "jazz/jazz.00054.wav")
GTZAN = files(
    {
        "features_30_sec.csv": "filename,length,chroma_stft_mean,label\nblues.00000.wav,661794,0.35,blues\n",
        "features_3_sec.csv": "filename,length,chroma_stft_mean,label\nblues.00000.0.wav,66149,0.33,blues\n",
        "images_original/blues/blues00000.png": "",
    },
    *(f"genres_original/{clip}" for clip in GTZAN_CLIPS),
)
GTZAN_OF_THE_AUTHORS = files({}, *(f"genres/{clip}" for clip in GTZAN_CLIPS))
KITCHEN20 = files(
    {
        "kitchen20.csv": "path,category,fold,target,usr_id,take\naudio/0-158737-A-0.wav,blender,1,0,158737,A\n"
        "audio/0-158737-B-0.wav,blender,2,0,158737,B\naudio/0-101477-A-3.wav,chopping,1,3,101477,A\n",
        "classes.csv": "start,path,comment\n00:00,blender/158737__ann__blender.wav,y\n",
        "results/ann_190327_161532.csv": ",index,truth,prediction,issue\n0,1,blender,blender,\n",
    },
    *("audio/0-158737-A-0.wav", "audio/0-158737-B-0.wav", "audio/0-101477-A-3.wav"),
)
ESC50 = files(
    {
        "meta/esc50.csv": "filename,fold,target,category,esc10,src_file,take\n1-100032-A-0.wav,1,0,dog,True,100032,A\n"
        "1-110389-A-0.wav,2,0,dog,True,110389,A\n2-110389-B-9.wav,2,9,crow,False,110389,B\n",
        "meta/esc50-human.xlsx": "a workbook",
        "README.md": "ESC-50",
        "requirements.txt": "librosa",
    },
    *("audio/1-100032-A-0.wav", "audio/1-110389-A-0.wav", "audio/2-110389-B-9.wav"),
)
BIRDCLEF = files(
    {
        "train_metadata.csv": "primary_label,secondary_labels,type,latitude,longitude,scientific_name,common_name,"
        "author,license,rating,url,filename\n"
        "afrsil1,[],\"['call', 'flight call']\",12.391,-1.493,Euodice cantans,African Silverbill,Bram Piot,"
        "CC BY-NC-SA 4.0,2.5,https://www.xeno-canto.org/125458,afrsil1/XC125458.ogg\n"
        "afrsil1,\"['houspa', 'redava']\",\"['call']\",19.801,-155.609,Euodice cantans,African Silverbill,Dan Lane,"
        "CC BY-NC-SA 4.0,3.5,https://www.xeno-canto.org/175522,afrsil1/XC175522.ogg\n"
        "houspa,\"['']\",\"['song']\",1.0,2.0,Passer domesticus,House Sparrow,,CC BY 4.0,4.0,"
        "https://www.xeno-canto.org/1,houspa/XC1.ogg\n",
        "sample_submission.csv": "row_id,afrsil1,houspa,redava\nsoundscape_1_5,0,0,0\n",
        "eBird_Taxonomy_v2021.csv": "TAXON_ORDER,CATEGORY,SPECIES_CODE\n1,species,ostric2\n",
    },
    *("train_audio/afrsil1/XC125458.ogg", "train_audio/afrsil1/XC175522.ogg", "train_audio/houspa/XC1.ogg"),
    "test_soundscapes/soundscape_1.ogg",
)
BIRDCLEF_2021 = files(
    {
        "train_metadata.csv": "primary_label,secondary_labels,author,date,filename,license\n"
        "acafly,\"['amegfi']\",Mike Nelson,2013-05-25,XC133080.ogg,CC BY-NC-SA 3.0\n",
        "train_soundscape_labels.csv": "row_id,site,audio_id,seconds,birds\n7019_COR_5,COR,7019,5,nocall\n",
    },
    *("train_short_audio/acafly/XC133080.ogg", "train_soundscapes/7019_COR_20190904.ogg"),
)
RAVDESS = files(
    {},
    *("Actor_01/03-01-06-01-02-01-01.wav", "Actor_02/03-01-01-01-01-02-02.wav", "Actor_02/03-02-05-02-02-02-02.wav"),
)
KAGGLE = files(
    {
        "train.csv": "ID,Class\n0,siren\n1,street_music\n2,drilling\n",
        "test.csv": "ID\n5\n7\n",
        "sample_submission.csv": "ID,Class\n5,siren\n",
    },
    *("train/0.wav", "train/1.wav", "train/2.wav", "test/5.wav", "test/7.wav"),
)

EXAMPLES: dict[str, tuple[Build, ...]] = {
    "fsdkaggle2019-kaggle": (
        files(
            {
                "train_curated.csv": 'fname,labels\nc1.wav,"Bark,Meow"\n',
                "train_noisy.csv": "fname,labels\nn1.wav,Meow\n",
            },
            *("train_curated/c1.wav", "train_noisy/n1.wav"),
        ),
    ),
    "fsdkaggle2019-zenodo": (
        files(
            {
                "FSDKaggle2019.meta/train_curated_post_competition.csv": "fname,labels,freesound_id,license\n"
                "c1.wav,Bark,1,CC0\n"
            },
            "FSDKaggle2019.audio_train_curated/c1.wav",
        ),
    ),
    "fsd50k": (FSD50K, FSD50K_ON_HUGGING_FACE),
    "fsdnoisy18k": (FSDNOISY18K,),
    "fsdkaggle2018": (FSDKAGGLE2018, FSDKAGGLE2018_ON_KAGGLE),
    "urbansound8k": (URBANSOUND8K, URBANSOUND8K_ON_KAGGLE, URBANSOUND8K_FOLDS, URBANSOUND8K_FLAT),
    "speech-commands": (SPEECH_COMMANDS, SPEECH_COMMANDS_ON_KAGGLE),
    "dcase-scenes": (TAU, TUT2016),
    "gtzan": (GTZAN, GTZAN_OF_THE_AUTHORS),
    "kitchen20": (KITCHEN20,),
    "esc50": (ESC50,),
    "birdclef": (BIRDCLEF, BIRDCLEF_2021),
    "clip-names": (RAVDESS,),
    "split-tables": (KAGGLE,),
    "table": (files({"t.csv": "fname,label\na.wav,Rain\nb.wav,Dog\n"}, "audio/a.wav", "audio/b.wav"),),
    "folder-per-class": (files({}, "Dog/a.wav", "Cat/b.wav"),),
    "folder-of-sounds": (files({}, "a.wav", "b.wav"),),
}


@pytest.fixture
def example(tmp_path: Path) -> Callable[[Build], Path]:
    """``example(FSD50K)``: the path to open of an example in a folder of its own, which is called ``release``."""

    def make(build: Build) -> Path:
        root = tmp_path / "release"
        root.mkdir()
        return build(root)

    return make


def by_clip(dataset: Dataset, *columns: str) -> dict[str, tuple[object, ...]]:
    """These columns of each clip, by its name; None where there is no value."""
    clips = dataset.clips.astype(object).where(dataset.clips.notna(), None)
    return {row["clip"]: tuple(row[column] for column in columns) for row in clips.to_dict("records")}
