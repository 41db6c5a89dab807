"""What the examples' tests share."""

import shutil
import sys

import pytest


@pytest.fixture
def example(request, tmp_path, node_modules):
    """A copy of the example, with the packages that AWS supplies beside it."""
    source = request.path.parent
    left_out = shutil.ignore_patterns(".*", "node_modules", "__pycache__")
    folder = shutil.copytree(source, tmp_path / source.name, ignore=left_out)
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / "node_modules").symlink_to(node_modules)
    return folder
