"""Run as a program of its own: reads files with SimpleITK for the main process, and may die doing so.

It stands alone (no import of Septum), so that it starts fast. On standard input one line of JSON per request, on
standard output one line of JSON per answer, followed by the samples as bytes where they were asked for.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any


def serve() -> None:
    """Answer requests until the input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what C++ prints must not mix with the answers
    import SimpleITK

    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    for line in sys.stdin.buffer:
        try:
            answer, data = _answer(SimpleITK, json.loads(line))
        except (RuntimeError, ValueError, MemoryError) as error:
            answer, data = {"error": str(error)[-2000:] or type(error).__name__}, b""
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.write(data)
        answers.flush()


def _answer(itk: Any, request: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    reader = itk.ImageFileReader()
    reader.SetImageIO(request["io"])
    reader.SetFileName(request["path"])
    reader.ReadImageInformation()
    if "samples" not in request:
        header = {
            "size": reader.GetSize(), "components": reader.GetNumberOfComponents(), "spacing": reader.GetSpacing(),
            "direction": reader.GetDirection(), "origin": reader.GetOrigin(),
            "complex": reader.GetPixelID() in (itk.sitkComplexFloat32, itk.sitkComplexFloat64),
            "meta": {key: reader.GetMetaData(key) for key in reader.GetMetaDataKeys()},
        }  # fmt: skip
        return header, b""
    image = reader.Execute()  # must outlive its view
    array = itk.GetArrayViewFromImage(image)
    if request["samples"] is not None:
        time, frame = request["samples"]
        array = array[(slice(None),) * time + (slice(frame, frame + 1),)]
    array = array.copy(order="C")
    return {"dtype": array.dtype.str, "shape": array.shape, "bytes": array.nbytes}, array.data.cast("B")


if __name__ == "__main__":
    serve()
