"""The Faust app that runs stages, and the settings of its process."""
