"""`tocsin try`: what would have opened with a file of one's own reports."""
