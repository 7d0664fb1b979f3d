"""The dialog that opens a dataset: browse folders or type a path, see what was found there, open it.

Read `dialog` first, then `browser` (the list of folders) and `preview` (what was found).
"""
