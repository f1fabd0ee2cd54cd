"""Reads `multipart/form-data`, as clients upload files."""

from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser


@dataclass(frozen=True)
class Part:
    """A field of the form; `filename` is empty unless it is a file."""

    name: str
    filename: str
    content: bytes


def read_form(content: bytes, content_type: str) -> dict[str, Part]:
    """The parts by name.

    Raises:
        ValueError: it is no such form, or breaks off.
    """
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_boundary()
    if header.get_content_type() != "multipart/form-data" or not boundary:
        raise ValueError("no multipart/form-data with a boundary")
    mark = b"--" + boundary.encode()
    found: dict[str, Part] = {}
    start = content.find(mark)
    while start >= 0 and content[start + len(mark) : start + len(mark) + 2] == b"\r\n":
        head_end = content.find(b"\r\n\r\n", start)
        end = content.find(b"\r\n" + mark, head_end)
        if head_end < 0 or end < 0:
            raise ValueError("the form breaks off")
        head = BytesHeaderParser().parsebytes(content[start + len(mark) + 2 : head_end])
        name = str(head.get_param("name", "", header="content-disposition"))
        found[name] = Part(name, head.get_filename() or "", content[head_end + 4 : end])
        start = end + 2
    return found
