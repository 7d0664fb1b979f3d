"""The Train page: a new run in a drawer, all runs in a table, and one of them below it.

`new_run` is the drawer: `run_setup` makes the options, `estimate_panel` measures how long they take. `batch_preview`
shows a batch. `run_view` shows the table of runs (`run_list`, `run_actions`) and the open run, with its curves
(`run_curves`) and tables (`run_tables`), its report and the form that publishes it.
"""
