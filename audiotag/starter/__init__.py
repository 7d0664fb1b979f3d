"""The starter sounds: a small labelled dataset that is rendered on the user's machine, to try everything with.

Read `voices` first (instruments, labels, and what they play), then `clips` (one clip: plan and waveform), then `render`
(the whole dataset on disk).
"""
