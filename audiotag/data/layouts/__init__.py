"""Dataset layouts: one file per way in which clips and labels are stored on disk.

Read `base` first (what a layout is, and `open_dataset`, which finds the layout of a path), then `table`, the usual
case, then `reading`, which has the code that layouts share; `published` and `known_tables` have more of it, for
datasets whose files are known. A new layout is one new file here, or one entry point of the group
``audiotag.layouts`` in another distribution.
"""

from audiotag.data.layouts.base import LAYOUTS, Layout, OpenOptions, absolute, open_dataset, register_layout

__all__ = ["LAYOUTS", "Layout", "OpenOptions", "absolute", "open_dataset", "register_layout"]
