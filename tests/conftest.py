"""For every test."""

import signal

# A shell ignores Ctrl-C for what it starts in the background, and so would every program that a test starts and interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
