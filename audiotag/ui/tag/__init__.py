"""The Tag page, in the order in which it works.

`sound_sources` brings sounds to the page and `dropped_sounds` keeps them in the session. `panels` shows the ensemble
(`ensemble_card`), its `tagging_options` and `thresholds`. `results` tags all sounds, `clip_view` shows one of them.
"""
