"""`tocsin transparency`: numbers for transparency reports that identify no one."""
