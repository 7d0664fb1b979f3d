"""The Dataset page: its top (`header`), the filter over all tabs (`filter`), and the tabs (`tabs`, `clips`)."""
