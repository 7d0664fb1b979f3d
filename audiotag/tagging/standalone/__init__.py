"""Export an ensemble as a tagger that needs no audiotag: an ONNX graph, a script and a page for browsers.

Read `files` first: it writes all three. `settings` says what can be exported, `front_end` and `clip_parts` are what the
graph computes, as torch modules, and `graph` joins them. The folder ``bundled`` has the script and the page.
"""
