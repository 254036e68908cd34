"""Parts of a text that a program writes: what stands between ``<!-- name -->`` and ``<!-- /name -->``."""

from __future__ import annotations

from pathlib import Path


def replace_part(path: Path, name: str, text: str) -> None:
    """Put a text in the place of a part.

    Args:
        path: The file.
        name: The name of the part.
        text: What it is to hold.

    Raises:
        ValueError: If the file does not hold the part exactly once.
    """
    before, *rest = path.read_text(encoding="utf-8").split(f"<!-- {name} -->\n")
    _, *after = rest[0].split(f"<!-- /{name} -->\n") if len(rest) == 1 else ("",)
    if len(after) != 1:
        raise ValueError(
            f"{path} must hold <!-- {name} --> and <!-- /{name} --> once, each on a line of its own"
        )
    path.write_text(f"{before}<!-- {name} -->\n{text}\n<!-- /{name} -->\n{after[0]}", encoding="utf-8")
