"""Reports and notices in a form that the law prescribes: DSA reports, statements, CyberTipline."""
