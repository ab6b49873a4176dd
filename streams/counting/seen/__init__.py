"""Which reporters were seen in which pane of a channel, in bounded space."""
