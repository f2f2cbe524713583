"""What readers had to assume of a run's images: said once, and kept in the record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from septum.geometry import Image


@dataclass
class Doubts:
    """Collects `Image.notes` over a run: `hear` each image, put `cases` into the record."""

    on_note: Callable[[str], None]
    cases: dict[str, list[str]] = field(default_factory=dict)

    def hear(self, case: str, image: Image) -> None:
        """Tell what is new of an image; a sentence that others had before is only kept."""
        for note in image.notes:
            if note not in self.cases:
                self.on_note(f"{case}: {note}")
            self.cases.setdefault(note, []).append(case)
