"""The Review page: doubtful labels one by one, or many clips of one label at once (grid)."""
