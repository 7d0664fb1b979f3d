"""The Label tab of the Review page: label clips that have no label, from nothing.

`tab` puts it together. `loading` has the state of labelling in memory, `position` says which clip is on the page.
`clip_view` shows one clip, `choices` the labels to choose from, `answers` writes what the reviewer says. `tiles_view`
labels many clips at once, `label_view` shows the clips of a label, which can be renamed there. `side` has the figures,
`end` what there is to do after the last clip.
"""
