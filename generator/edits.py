"""Finds what was edited by hand in the output, where the next run would overwrite it, and carries it back."""

import hashlib
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from generator.layout import TEMPLATE_SUFFIX
from generator.record import digest
from generator.write import read, replace

# Of a file that people edit.
_SOURCE_MODE = 0o644
# What Git has while it puts commits together.
_UNDER_WAY = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REBASE_HEAD")


def hand_edits(output: Mapping[str, bytes], folder: Path, written: Mapping[str, list[str]]) -> dict[str, bytes]:
    """What somebody has made of files of the output folder, by path: work that writing the output would destroy.

    A file is somebody's work when it is neither what was written there nor what would be written now. Git changes
    files, too: one that is as it was committed is no edit, and nothing is while a merge or a rebase is under way.

    Args:
        output: what would be written, by path.
        folder: the output folder.
        written: the digests that the files may have, by path, as the record tells them. Of a file that it does not
            know, Git alone can tell: it is an edit when the very content that would be written was committed.
    """
    differing: dict[str, bytes] = {}
    for path in sorted({*output, *written}):
        content = read(folder / path)
        if content is not None and content != output.get(path) and digest(content) not in written.get(path, ()):
            differing[path] = content
    if not differing or any(_git(folder, "rev-parse", "--quiet", "--verify", ref) for ref in _UNDER_WAY):
        return {}
    committed = _committed(folder, differing)

    def is_edit(path: str, content: bytes) -> bool:
        if path in written:
            return not _is_blob(content, committed.get(path))
        return _is_blob(output[path], committed.get(path))

    return {path: content for path, content in differing.items() if is_edit(path, content)}


def adopt(
    edits: Mapping[str, bytes],
    sources: Mapping[str, Path],
    output: Mapping[str, bytes],
    written: Mapping[str, list[str]],
) -> tuple[list[Path], dict[str, str]]:
    """Carry edits of copies back to the files that they are copies of.

    Args:
        edits: what somebody has made of the files, by path.
        sources: by path, the file that a copy is a copy of, or the template that the file is rendered from.
        output: what the sources give now, by path.
        written: the digests of what they gave when the files were written, by path, as the record tells them.

    Returns:
        The files that were written, and why the other edits were not carried back, by path.
    """
    adopted, refused = [], {}
    for path, content in edits.items():
        source = sources.get(path)
        if source is None or path not in output:
            refused[path] = "what it was made from is gone; copy what you need of it"
        elif source.suffix == TEMPLATE_SUFFIX:
            refused[path] = f"it is rendered from {source} and the spec; make the change there"
        elif path in written and digest(output[path]) not in written[path]:
            refused[path] = f"{source} has changed, too; bring the two together there"
        else:
            replace(source, content, _SOURCE_MODE)
            adopted.append(source)
    return adopted, refused


def _committed(folder: Path, paths: Iterable[str]) -> dict[str, str]:
    """The ids of the contents that were committed last, by path; nothing where there is no Git."""
    entries = _git(folder, "ls-tree", "-z", "HEAD", "--", *paths).decode("utf-8", "surrogateescape").split("\0")[:-1]
    return {path: about.split()[2] for about, path in (entry.split("\t", 1) for entry in entries)}


def _git(folder: Path, *arguments: str) -> bytes:
    """What a command of Git prints; nothing when it fails, or when there is no Git."""
    try:
        return subprocess.run(["git", "-C", folder, *arguments], capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return b""


def _is_blob(content: bytes, blob: str | None) -> bool:
    """Whether Git calls a content by this id."""
    if blob is None:
        return False
    algorithm = hashlib.sha1 if len(blob) == 40 else hashlib.sha256
    return algorithm(b"blob %d\0" % len(content) + content).hexdigest() == blob
