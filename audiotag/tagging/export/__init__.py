"""Export formats: how the results of tagged clips are written into files.

Read `base` first: the interface, the registry and the functions that write a file. `rows` turns one clip's tags into
plain values, which every format gets; `intervals` gives the events that formats with time ranges write. Then one file
per format: `csv`, `json`, `jsonl` and `parquet` for scores and tags; `raven`, `kaleidoscope` and `birdnet` for time
ranges of all clips; `audacity`, `raven_per_clip` and `webvtt` with one file per clip. A further format is one more file
like these, or a module of another distribution under the entry point group ``audiotag.exports``.
"""
