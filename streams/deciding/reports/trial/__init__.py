"""A candidate beside the rules in force: how its policies judge, and what is counted of both."""
