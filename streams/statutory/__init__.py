"""Reports and notices whose form the law prescribes: DSA transparency reports, statements of reasons, CyberTipline."""
