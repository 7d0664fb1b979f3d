"""Export formats: how the results of tagged clips are written into files.

Read `base` first: the interface, the registry and the functions that write a file. `rows` turns one clip's tags into
plain values, which every format gets. Then one file per format: `csv`, `json`, `parquet` and `audacity`. A further
format is one more file like these, or a module of another distribution under the entry point group
``audiotag.exports``.
"""
