"""Skeletons of notices to authorities: NCMEC's CyberTipline, and suspicions of crimes under DSA art. 18."""
