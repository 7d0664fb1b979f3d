"""The Home page, from its top to its end: `doors`, `guide_panel` and `last_runs` (both live), `overview`, `about`.

`guide` decides what the steps of the guide are, from the facts that `facts` reads in the workspace.
"""
