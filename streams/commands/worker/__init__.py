"""`tocsin worker`: run one worker process."""
