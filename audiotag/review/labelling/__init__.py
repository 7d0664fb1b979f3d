"""Label a folder from nothing: which clip to ask about next, and what a quick head knows after each answer.

Read `material` (the clips with their vectors and clusters, made once), `head` (a classifier on the vectors, fitted in
less than a second), `figure` (how well it does, cross-validated), `order` (which unlabelled clip teaches most), `state`
(all of it after the verdicts so far), then `answers` (the verdicts that an answer stands for). Verdicts are in the same
journal as those of a review, and `audiotag.data.corrections` computes the labels from them.
"""
