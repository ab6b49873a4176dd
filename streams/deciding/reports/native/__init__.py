"""What a stage of reports gives to the native core. Only `reading_rules` can be imported without it."""
