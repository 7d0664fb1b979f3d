"""The names of columns in tables of clips: what people call files, labels, splits, folds and groups."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path

from audiotag.errors import AudiotagError

# In order of preference, without spaces, capitals and signs: `normalised_name` of "File Name" is "filename".
FILE_NAMES = (
    "fname", "filename", "slicefilename", "file", "filepath", "path", "audiofilename", "audiofilepath", "audiofile",
    "audiopath", "audio", "wav", "wavfile", "wavpath", "wavfilename", "soundfile", "soundfilename", "soundpath",
    "soundname", "clip", "clipname", "clippath", "clipfile", "clipfilename", "recording", "recordingname",
    "recordingfile", "recordingfilename", "audioname", "filenames", "files", "relativepath", "relpath", "filelocation",
    "location", "mp3", "flac", "ogg", "basename", "fn", "uri", "url", "itemid", "fileid", "clipid", "audioid",
    "recordingid", "soundid", "sampleid", "segmentid", "trackid", "ytid", "youtubeid", "id", "uuid", "uid", "key",
    "slice", "segment", "sample", "samplename", "track", "utterance", "name", "audiofilenames", "bestand",
    "bestandsname", "datei", "dateiname", "fichier", "nomfichier", "archivo", "sound", "infile",
)  # fmt: skip
LABEL_NAMES = (
    "labels", "label", "category", "categories", "tags", "tag", "class", "classname", "classes", "classlabel",
    "species", "targetname", "targetlabel", "labelname", "eventlabel", "eventlabels", "soundclass", "soundevent",
    "soundlabel", "primarylabel", "ebirdcode", "speciescode", "commonname", "scientificname", "scenelabel", "scene",
    "genre", "genres", "emotion", "keyword", "keywords", "word", "annotation", "annotations", "event", "events",
    "positivelabels", "humanlabels", "displayname", "groundtruth", "truth", "instrument", "command", "activity",
    "sound", "type", "code", "target", "targets", "y", "klasse", "etiket", "etikett", "etiqueta", "etiquette",
    "classid", "labelid", "targetid", "categoryid", "name", "manualid", "autoid",
)  # fmt: skip
SPLIT_NAMES = (
    "split", "splits", "set", "subset", "partition", "usage", "datasplit", "dataset", "phase", "isvalid",
    "isvalidation", "istest", "istrain", "istraining", "traintest", "trainvaltest", "fold", "group",
)  # fmt: skip
FOLD_NAMES = (
    "fold", "folds", "kfold", "kfolds", "cvfold", "foldid", "foldnumber", "foldnr", "foldno", "foldindex", "foldidx",
    "crossvalidationfold", "cv", "cvgroup", "cvsplit", "split", "set", "subset", "partition",
)  # fmt: skip
GROUP_NAMES = (
    "sourceid", "freesoundid", "flickrvideourl", "srcfile", "group", "groupid", "fsid", "usrid", "userid", "speaker",
    "speakerid", "recordist", "recordistid", "session", "sessionid", "parent", "parentid", "parentfile", "parentclip",
    "original", "originalid", "originalfile", "originalfilename", "sourcefile", "sourcefilename", "sourcerecording",
    "sourceclip", "sourceaudio", "source", "participant", "participantid", "subject", "subjectid", "patient",
    "patientid", "actor", "actorid", "animalid", "individual", "individualid", "videoid", "video", "recordingid",
    "recording", "uploader", "uploaderid", "user", "username", "author", "site", "siteid", "station", "identifier",
)  # fmt: skip
NOT_LABELS = frozenset({  # whatever their cells are, unless the user names them
    "duration", "durations", "durationins", "durationinms", "length", "lengths", "seconds", "samplerate",
    "sr", "channels", "size", "filesize", "frames", "numframes", "bitrate", "text", "transcript", "transcription",
    "sentence", "caption", "captions", "description", "title", "comment", "comments", "note", "notes", "remark",
    "remarks", "date", "time", "datetime", "timestamp", "latitude", "longitude", "lat", "lon", "url", "link", "artist",
    "album", "age", "confidence", "rating", "md5", "sha1", "sha256", "checksum", "hash", "annotator", "annotatorid",
    "datasetid", "verified", "manuallyverified", "reviewed", "checked", "confirmed", "noisysmall", "esc10",
    "isaugmented", "augmented", "issynthetic", "isverified",
})  # fmt: skip
LICENCE_NAMES = ("license", "licence")
ONSET_NAMES = ("onset", "onsets", "start", "starttime", "starts", "startseconds", "begin", "begintime", "begintimes")
OFFSET_NAMES = ("offset", "offsets", "end", "endtime", "ends", "endseconds", "stop", "stoptime", "endtimes")
KNOWN_NAMES = frozenset(
    {*FILE_NAMES, *LABEL_NAMES, *SPLIT_NAMES, *FOLD_NAMES, *GROUP_NAMES, *LICENCE_NAMES, *ONSET_NAMES, *OFFSET_NAMES}
)


def normalised_name(name: object) -> str:
    """A column's name without what people write in many ways: capitals, spaces, signs.

    >>> normalised_name(" File Name"), normalised_name("slice_file_name"), normalised_name("Étiquette")
    ('filename', 'slicefilename', 'étiquette')
    """
    text = unicodedata.normalize("NFKC", str(name)).casefold()
    return "".join(char for char in text if char.isalnum())


def count_known(names: list[str], further: frozenset[str] = frozenset()) -> int:
    """How many different known names are among these; ``further`` are known too, normalised."""
    return len({normalised_name(name) for name in names} & (KNOWN_NAMES | further))


def column_error(path: Path, columns: Sequence[object], wanted: Sequence[str]) -> AudiotagError:
    """That a table has none of the ``wanted`` columns; lists those that it has."""
    shown = ", ".join(f"{name:.40}" for name in map(str, columns[:10]))
    more = f" and {len(columns) - 10} more" if len(columns) > 10 else ""
    fix = "rename one of them" if len(wanted) > 1 else "name one of these"
    return AudiotagError(f"{path.name} needs a column named {' or '.join(wanted)}, it has {shown}{more}; {fix}.")
