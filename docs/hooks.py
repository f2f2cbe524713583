"""What mkdocs does to every page: words are explained where a page uses them, and nothing is loaded from elsewhere.

The insight: a reader who meets "fold" on the third page has not read the glossary. So its entries become tooltips, from
the one place where they are written.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

WORDS = Path(__file__).resolve().parent / "start" / "words.md"
LEFT_OUT = ("start/words.md", "reference/")


def words(text: str) -> dict[str, str]:
    """Each word of the glossary, with its explanation on one line.

    >>> words("# Words\\n\\nfold, part\\n: one way\\n  to divide\\n")
    {'fold': 'one way to divide', 'part': 'one way to divide'}
    """
    found: dict[str, str] = {}
    for names, explained in re.findall(r"^([^\n:#]+)\n: (.+?)(?=\n\n|\Z)", text, re.M | re.S):
        for name in names.split(","):
            found[name.strip()] = " ".join(explained.split())
    return found


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:
    """The page with the words as abbreviations; the glossary itself and the generated reference stay as they are."""
    if page.file.src_path.startswith(LEFT_OUT):
        return markdown
    lines = [f"*[{word}]: {explained}" for word, explained in words(WORDS.read_text(encoding="utf-8")).items()]
    return markdown + "\n\n" + "\n".join(lines) + "\n"


def on_post_page(output: str, *, page: Any, config: Any) -> str:
    """The page with `search-from-files.js` in the place of the script that `offline` takes from elsewhere."""
    return _at_home(output)


def on_post_template(output: str, *, template_name: str, config: Any) -> str:
    """The same for pages that come from no file, such as the one for a wrong address."""
    return _at_home(output)


def _at_home(output: str) -> str:
    """Our own script takes the place of the foreign one: before that of the theme, which starts the search."""
    output = re.sub(r'<script src="https://unpkg\.com/[^"]*"></script>', "", output)
    ours = r'<script src="\1assets/search-from-files.js"></script>\g<0>'
    return re.sub(r'<script src="([./]*)assets/javascripts/bundle\.', ours, output)
