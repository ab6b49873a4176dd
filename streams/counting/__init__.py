"""Counts per channel and category: panes, windows, distinct reporters, most-reported messages, and the measures read from them."""
