"""Every public function of the array rooms, the reports and the library shows one short example, which pytest runs with
the doctests of `src`.

Left out are loops that numba compiles (their arguments are the state of an algorithm that one function hides) and the
few functions of `WITHOUT`, each with its reason. A name that gets an example must leave that table.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "septum"
ROOMS = ("classical", "geometry", "instances", "interactive", "io", "lessons", "library", "metrics", "net", "report")

WITHOUT = {
    "geometry/convert.py:to_xarray": "xarray is not a dependency",
    "geometry/convert.py:from_xarray": "xarray is not a dependency",
    "net/learning/train.py:with_targets": "needs a sample with objects; see tests/workflows/training/test_objects.py",
    "geometry/loops.py:compiled": "a decorator: every compiled loop is its example",
    "geometry/loops.py:in_order": "a decorator: every compiled loop is its example",
    "interactive/session/records.py:read_session": "needs a folder that a session wrote; see `Session`",
    "io/apart.py:header": "starts a process; see tests/field/test_headers.py",
    "io/apart.py:samples": "starts a process; see tests/field/test_headers.py",
    "io/decoded.py:check_bytes": "its example is an error",
    "io/dicom/files.py:read": "needs a series of files",
    "io/dicom/files.py:count_frames": "needs a series of files",
    "io/dicom/arrange.py:arrange_planes": "needs a series of files",
    "io/dicom/planes.py:planes_of": "needs a file with a header",
    "io/dicom/planes.py:read_header": "needs a file with a header",
    "io/dicom/series.py:without_copies": "needs a series of files",
    "io/headers.py:metaimage": "needs a file",
    "io/headers.py:nrrd": "needs a file",
    "io/itk_process.py:serve": "the loop of the reader's process",
    "io/omexml.py:check_planes": "its example is an error",
    "io/omexml.py:check_xml": "its example is an error",
    "io/omexml.py:ome_pixels": "needs an OME-TIFF",
    "io/references.py:beside": "needs files",
    "io/safe.py:clear_dead": "needs files of a run that died",
    "io/tiffpages.py:colours": "needs a page of a TIFF",
    "io/tiffpages.py:turned": "needs a page of a TIFF",
    "io/safe.py:reading": "its example is an error",
    "library/model.py:load_model": "needs a trained model; see tests/library/test_model.py",
    "library/model.py:predict": "needs a trained model; see tests/library/test_model.py",
    "library/model.py:train": "takes minutes; see the tutorials",
    "net/engines/exported.py:export_onnx": "needs the extra `engines`",
    "net/engines/onnx.py:onnx_engine": "needs the extra `engines`",
    "net/engines/openvino.py:openvino_engine": "needs the extra `engines`",
    "net/inference/decide.py:decide_block": "one step of `predict_classes`",
    "net/learning/keras_file.py:read_keras": "needs a file that Keras saved",
    "net/learning/simulated_user.py:prompt_batch": "one step of `train`",
    "net/learning/train.py:train": "takes minutes; see the how-to page on training",
}


def functions_without_example(room: Path) -> set[str]:
    """`file:function` of every public function of a room whose docstring holds no `>>>`."""
    found = set()
    for path in sorted(room.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.FunctionDef) or node.name.startswith("_") or _is_compiled(node):
                continue
            if ">>>" not in (ast.get_docstring(node) or ""):
                found.add(f"{path.relative_to(room.parent).as_posix()}:{node.name}")
    return found


def _is_compiled(node: ast.FunctionDef) -> bool:
    return any(isinstance(mark, ast.Name) and mark.id in ("compiled", "in_order") for mark in node.decorator_list)


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_function_of_a_room_has_an_example(room: str) -> None:
    missing = functions_without_example(SOURCE / room)
    excused = {name for name in WITHOUT if name.startswith(f"{room}/")}
    assert missing - excused == set(), "write an example that runs (>>>) with a known answer"
    assert excused - missing == set(), "these have an example, or are gone: take them out of WITHOUT"


def test_a_function_without_an_example_is_found(tmp_path: Path) -> None:
    room = tmp_path / "room"
    room.mkdir()
    (room / "a.py").write_text(
        'def shown():\n    """Yes.\n\n    >>> 1\n    1\n    """\n\n'
        'def bare():\n    """No."""\n\n\ndef _hidden():\n    pass\n\n\n@compiled\ndef loop():\n    pass\n'
    )
    assert functions_without_example(room) == {"room/a.py:bare"}
