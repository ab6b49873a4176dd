"""The fields of the registry's files: what may stand where."""
