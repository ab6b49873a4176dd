"""Legal clocks: how one runs, what happens to it, and how a partition stores it."""
