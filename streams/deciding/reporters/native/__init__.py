"""What the stage of reporters gives to the native core. Only `home` imports it."""
