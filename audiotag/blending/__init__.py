"""Blends: ensembles of ensembles, with stackers that are fitted to out-of-fold scores.

In the order of reading: `blend` makes one; `member_training` trains its members, if that is asked for; `common_folds`
finds the clips that all its members held out; `member_files` copies them; `training_tiles` scores the training
clips by windows, out of fold; `tile_draws` and `stacker_fitting` fit stackers to these; `gains` measures what each part
of a blend adds. How a blend tags is in `audiotag.tagging.blend_tagger`.
"""
