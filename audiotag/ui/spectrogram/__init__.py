"""The Spectrogram page: settings A in a form, settings B beside them, and one player that shows a sound under both.

Read `settings_state` (the settings in the session and in the address), `settings_form` (their widgets) and
`second_settings` (B), then `crops` and `clip_player` (the sound), and the tabs: `input_tab`, `augmentation_tab` and
`tabs`.
"""
