"""The worker process: stages, observers and settings joined into one Faust app."""
