"""The Score page: pick a submission and the truth, show the figures, play the hardest clips."""
