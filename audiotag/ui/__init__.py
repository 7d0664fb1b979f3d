"""The Streamlit app: the only part of the package that imports streamlit.

`frame` sets up every page, `sidebar` draws its sidebar, `cache` loads what pages show. ``player/``, ``widgets/`` and
``open_dataset/`` serve all pages; each further folder holds the parts of one page, and the files in ``pages/`` put them
together.
"""
