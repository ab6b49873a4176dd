"""The topics that must exist, and how a cluster differs from them."""
