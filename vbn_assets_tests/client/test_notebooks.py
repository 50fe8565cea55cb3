"""The notebooks of the docs run from top to bottom in a kernel of their own, on the packaged sample."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[2] / "docs" / "notebooks").glob("*.ipynb"))
SECONDS_A_CELL = 300
"""The slowest one, which starts the kernel's imports, takes ten on a busy machine."""


def test_there_are_some() -> None:
    assert [path.name for path in NOTEBOOKS] == ["quickstart.ipynb"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_shows_what_was_committed(path: Path) -> None:
    committed = nbformat.read(path, as_version=4)
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=SECONDS_A_CELL, resources={"metadata": {"path": str(path.parent)}}).execute()
    assert shown(notebook) == shown(committed)


def shown(notebook: nbformat.NotebookNode) -> list[tuple[str, list[str]]]:
    """Each code cell, and which forms of output it has; what is written to stderr aside, which is progress."""
    return [
        (
            cell.source,
            [sorted(output.get("data", [output.output_type])) for output in cell.outputs if is_result(output)],
        )
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def is_result(output: nbformat.NotebookNode) -> bool:
    return output.get("name") != "stderr"
