"""What a page is told of an error: the sentence, without the folders of the machine it happened on."""

from __future__ import annotations

import re

_PATH = re.compile(r"(?<![\w:/.~])(?:[A-Za-z]:)?(?:[/\\][^\s/\\:;,'\"()<>]+)+[/\\]([^\s/\\:;,'\"()<>]+)")


def without_paths(text: str) -> str:
    """The text with every absolute path shortened to its last name, addresses of web pages left as they are.

    >>> without_paths("/home/ann/study/images/a.nii.gz cannot be read; see http://127.0.0.1:8765/api/cases")
    'a.nii.gz cannot be read; see http://127.0.0.1:8765/api/cases'
    """
    return _PATH.sub(r"\1", text)
