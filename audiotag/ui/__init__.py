"""The Streamlit app: the only part of the package that imports streamlit.

`frame` sets up every page and its sidebar, `cache` loads what pages show. ``player/`` and ``widgets/`` serve all pages;
each further folder holds the parts of one page, and the files in ``pages/`` put them together.
"""
