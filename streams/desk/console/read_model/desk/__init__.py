"""The list of the desk: which cases, with what, and in which order."""
