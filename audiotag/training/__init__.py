"""From a dataset and a recipe to trained folds, and from these to an ensemble.

Read in this order: `recipe` (what to train), `run_options` (what a user asks for), `session_rows` and `session` (which
clips, folds and stages follow), `runs` (a run on disk), `worker` and `fold_training` (the process that trains it),
`backend` (the training loop with fastai and fastaudio). `batches`, `clips` and `frame_cache` feed the loop;
`run_progress` and `estimate` compute how long it takes; `run_blocking` waits for a run, `publish` makes an ensemble of
it. `run_notes`, `run_summary`, `run_tables`, `run_differences` and `reproduction` say what a run is and what it gave.
"""
