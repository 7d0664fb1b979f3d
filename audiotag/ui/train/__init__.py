"""The Train page: options of a new run on the left, batches and runs on the right.

`run_setup` makes the options, `estimate_panel` measures how long they take, `batch_preview` shows a batch. `run_view`
shows one run, with the curves and tables of `run_tables`.
"""
