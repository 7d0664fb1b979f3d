"""Ensembles of folds, and the tags that they give to clips.

Read `settings` and `result` first, then `ensemble` (the folder with card and weights), `tagger` (from a clip to its
tags) and `fold_fusion` (the arithmetic). `engines`, `engine_comparison` and `engine_selection` make scoring fast;
`onnx_export` and `synthetic_sounds` serve them. `out_of_fold`, `thresholds`, `training_profile`, `ablation` and
`ablation_measurement` show how far tags can be trusted. `bulk`, `journal`, `export` and `submission` tag many files.
"""
