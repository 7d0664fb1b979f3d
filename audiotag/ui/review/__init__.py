"""The Review page: doubtful labels one by one, one key per verdict.

`header` picks the scores and names the reviewer, `loading` finds the doubts. `item_queue` goes through them: `item`
shows one, `sounds` has its sounds ready before it is shown, `keys` has its keys. `retrain` trains again with the
corrections.
"""
