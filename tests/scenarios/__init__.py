"""The catalogue of ends, refusals and error frames, at random and for real: `python -m scenarios`."""
