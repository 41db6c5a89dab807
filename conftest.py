"""Gives the black-box tests and the tests of the examples their fixtures."""

pytest_plugins = ["support.fixtures", "support.serve"]
