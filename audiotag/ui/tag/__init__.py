"""The Tag page, in the order in which it works.

`sound_sources` brings sounds to the page; `dropped_sounds` keeps them in the session, and `history` in the workspace.
`settings_drawer` shows the ensemble (`ensemble_card`), its `tagging_options` and thresholds (`threshold_panel`).
`sounds_view` tags all sounds (`results`) and shows one of them (`clip_view`). `folder_form` starts to tag a whole
folder in the background, and `folder_view` shows how far that is.
"""
