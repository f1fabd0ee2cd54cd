"""OpenAI's files, as far as batches need them: uploads of JSONL, and the files that batches write."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.outside.batches import Batch, Batches
from tests.outside.multipart import Part, read_form
from tests.outside.openai_api import OpenAiApi, OpenAiError

PURPOSES = ("fine-tune", "assistants", "batch", "user_data", "vision", "evals")
# A file that was uploaded for a batch is kept for 30 days.
KEPT_SECONDS = 30 * 86_400
MAX_FORM_BYTES = 10_000


@dataclass(frozen=True)
class File:
    """A file of `size` bytes. Its lines are written anew each time they are read."""

    id: str
    key: str
    filename: str
    purpose: str
    size: int
    created_at: float
    lines: Callable[[], Iterator[bytes]] = field(repr=False)
    # The batch that wrote it.
    batch: Batch | None = None


class OpenAiFiles:
    """The files of all keys' owners."""

    def __init__(self, api: OpenAiApi, batches: Batches) -> None:
        self._api = api
        self._batches = batches
        self._files: dict[str, File] = {}

    def routes(self) -> list[Route]:
        """What they add to OpenAI's application."""
        serve = self._api.endpoint
        return [
            Route("/files", serve(self._upload), methods=["POST"]),
            Route("/files/{id}", serve(self._describe), methods=["GET"]),
            Route("/files/{id}", serve(self._delete), methods=["DELETE"]),
            Route("/files/{id}/content", serve(self._content), methods=["GET"]),
        ]

    def find(self, key: str, file_id: str) -> File | None:
        """A file of a key's owner."""
        file = self._files.get(file_id)
        return file if file is not None and file.key == key else None

    def write(self, batch: Batch, name: str, lines: Callable[[], Iterator[bytes]]) -> str:
        """Keep a file that a batch writes; its id."""
        file = File(
            id=self._batches.new_id("file-", 22),
            key=batch.key,
            filename=f"{batch.id}_{name}.jsonl",
            purpose="batch_output",
            size=sum(map(len, lines())),
            created_at=self._batches.now(),
            lines=lines,
            batch=batch,
        )
        self._files[file.id] = file
        return file.id

    async def _upload(self, request: Request, key: str) -> Response:
        content = await request.body()
        largest = self._batches.openai_file_bytes
        if len(content) > largest + MAX_FORM_BYTES:
            raise OpenAiError(400, "File is too large.")
        try:
            form = read_form(content, request.headers.get("content-type", ""))
        except ValueError:
            raise OpenAiError(400, "There was an error parsing the body") from None
        uploaded, purpose = _checked(form)
        if len(uploaded.content) > largest:
            raise OpenAiError(400, "File is too large.")
        body = uploaded.content
        made = File(
            id=self._batches.new_id("file-", 22),
            key=key,
            filename=uploaded.filename,
            purpose=purpose,
            size=len(body),
            created_at=self._batches.now(),
            lines=lambda: iter([body]),
        )
        self._files[made.id] = made
        return JSONResponse(_described(made))

    async def _describe(self, request: Request, key: str) -> Response:
        return JSONResponse(_described(self._wanted(request, key)))

    async def _delete(self, request: Request, key: str) -> Response:
        file = self._wanted(request, key)
        del self._files[file.id]
        return JSONResponse({"object": "file", "deleted": True, "id": file.id})

    async def _content(self, request: Request, key: str) -> Response:
        file = self._wanted(request, key)
        if file.batch is not None:
            file.batch.collected.append(self._batches.now())
        headers = {"content-length": str(file.size), "content-disposition": f'attachment; filename="{file.filename}"'}
        return StreamingResponse(_flow(file.lines()), headers=headers, media_type="application/octet-stream")

    def _wanted(self, request: Request, key: str) -> File:
        file_id = request.path_params["id"]
        file = self.find(key, file_id)
        if file is None:
            raise OpenAiError(404, f"No such File object: {file_id}", "id")
        return file


def _checked(form: dict[str, Part]) -> tuple[Part, str]:
    """The file and its purpose."""
    for name in ("file", "purpose"):
        if name not in form:
            raise OpenAiError(400, f"'{name}' is a required property", name)
    file, purpose = form["file"], form["purpose"].content.decode(errors="replace")
    if purpose not in PURPOSES:
        raise OpenAiError(400, f"'{purpose}' is not one of {list(PURPOSES)} - 'purpose'", "purpose")
    if purpose != "batch":
        raise OpenAiError(400, f"This stand-in takes no files for '{purpose}'.", "purpose", "unsupported_value")
    if not file.filename.endswith(".jsonl"):
        raise OpenAiError(400, "Invalid file format for Batch API. Must be .jsonl")
    # The first line tells whether it can be JSONL at all; the others are looked at when the batch is validated.
    first = file.content.partition(b"\n")[0]
    try:
        if not file.content or (first.strip() and not isinstance(json.loads(first), dict)):
            raise ValueError("no object")
    except ValueError:
        raise OpenAiError(400, "Invalid file format. Batch API files must be in JSONL format.", "file") from None
    return file, purpose


def _described(file: File) -> dict[str, Any]:
    return {
        "object": "file",
        "id": file.id,
        "purpose": file.purpose,
        "filename": file.filename,
        "bytes": file.size,
        "created_at": int(file.created_at),
        "expires_at": int(file.created_at) + KEPT_SECONDS,
        "status": "processed",
        "status_details": None,
    }


async def _flow(lines: Iterator[bytes]) -> AsyncIterator[bytes]:
    for line in lines:
        yield line
