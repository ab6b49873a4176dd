"""Programs on other stream processors that do a part of a worker's job, written as a careful user would."""
