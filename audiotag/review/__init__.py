"""Find the labels that an ensemble doubts, so that people can review them.

Read `doubts` first (what a doubt is), then `ranking` (which there are, from `scored_clips` and `label_quality`),
`answers` and `queue` (how a reviewer goes through them), `grid` (many clips of one label) and `ensemble_scores` (where
scores of an ensemble come from). `export`, `importing` and `interchange` pass corrections on; `agreement` compares
reviewers. The journal of verdicts and the corrected labels are in `audiotag.data`, because training uses them too.
"""
