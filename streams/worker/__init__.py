"""The worker process: stages, observers and settings put together into one Faust app."""
