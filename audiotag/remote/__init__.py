"""Sounds in object stores and on web servers, which the rest of the package reads like files on disk.

An address such as ``s3://bucket/sounds/a.wav`` has a path in a mirror of the workspace, from which the address can be
computed again (`addresses`). There lies a placeholder: a file without content, of the size and the time of the object
(`mirror`, `audiotag.data.remote_folders`). So folders are listed, sorted and indexed like any other; whoever opens a
sound asks `reading`, which gets its bytes from `storage`, through `cache`. Nothing that is remote is ever written to.
"""
