"""How programs that are no workers read and write topics: as subscribers and publishers do."""
