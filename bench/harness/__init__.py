"""The bench: starts what is measured, interleaves rounds, and writes the results down."""
