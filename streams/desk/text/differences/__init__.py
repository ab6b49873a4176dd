"""What differs between two sets of rules, in words: policies, values, reports that are needed, law."""
