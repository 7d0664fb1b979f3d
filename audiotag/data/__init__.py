"""Datasets: which clips there are, how they are labelled, and what their file headers say.

Read `dataset` first (what a dataset is), then `layouts` (how one is recognised and opened), `tables` (reading CSV and
Parquet), `saved_options` (opening one as the user opened it last), `index` (file headers) and `stamp` (has anything
changed?). `fsdkaggle2019` and `fsdkaggle2019_folder` are about one public dataset: how to get it, and what is missing.
"""
