"""The Review page: doubtful labels one by one, many clips of one label at once, or clips that have no label.

`header` picks the scores and names the reviewer, `loading` finds the doubts. `item_queue` goes through them: `item`
shows one, `answer_buttons` has the answers, `sounds` has its sounds ready before it is shown, `keys` has the keys.
`grid` shows many clips of one label. The folder `label` is about clips that have no label yet. `ensemble_job` scores
the clips by an ensemble, `exchange` passes corrections on and takes those of others, `retrain` trains again with the
corrections.
"""
