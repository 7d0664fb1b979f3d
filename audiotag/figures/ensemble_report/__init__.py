"""The report of an ensemble, its model card, as an HTML file and as a README for Hugging Face.

Read `report` first: the list of sections and the files that a report can become. `origin`, `quality` and `behaviour`
have the sections, which consist of `blocks`. `static_html` and `markdown` write them into files; `svg` draws charts.
"""
