"""The stage that turns reports into escalations."""
