"""Turn tables and arrays into Plotly figures, one module per page, without streamlit.

`theme` holds the colours and the frame that all figures share: start there.
"""
