"""Write a dataset's tables again with corrected labels, in their own format.

`exporting` is where to begin: it has the tables rewritten, opens the result as audiotag opens any dataset, and compares
its labels with the corrected ones. Where a table cannot be written so that they are the same, `plain_table` writes all
clips into a plain table instead. `new_cells` and `class_columns` decide what the changed cells hold; `rewriting` puts
them into a file of any kind with `text_rewriting`, `json_rewriting`, `excel_rewriting` and `parquet_rewriting`, and
`reopening` checks the result.
"""
