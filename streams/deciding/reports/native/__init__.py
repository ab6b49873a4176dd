"""What a stage of reports gives to the native core. Only `gate` and `home` import it."""
