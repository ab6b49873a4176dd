"""One scenario per module: `measure(place) -> {name of a figure: value}`."""
