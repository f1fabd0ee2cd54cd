"""Deletes the vectors of pull requests that are closed, or whose repository or account is gone.

The database notes what is to be deleted in the transaction that makes it so; a message of its own type has it done, a
slice at a time. A message that is lost is made good by the sweep.
"""

import json
import logging
import uuid
from collections.abc import Sequence

from ossgard.errors import OssgardError, PermanentError
from ossgard.log import log
from ossgard.pipeline.texts import code_point_id, intent_point_id
from ossgard.services import Services
from ossgard.spec.entities import VectorPurge
from ossgard.spec.messages import PipelineMessage
from ossgard.spec.models import VectorStoreConfig
from ossgard.spec.phases import RETRIES
from ossgard.spec.settings import CODE_COLLECTION, INTENT_COLLECTION

# The type of the message; its `step` is the id of the last note that a slice before has seen to.
PURGE = "purge"
SLICE_SIZE = 500

_JOBS = uuid.UUID("0b9d9d5c-6f0e-4c39-8a57-2f1a54c3c6b1")


async def request_purge(services: Services, after_id: int = 0) -> None:
    """Have the notes behind `after_id` worked off. When the queue fails, the sweep asks again."""
    message = PipelineMessage(type=PURGE, scan_id=0, step=after_id)
    try:
        await services.queue.enqueue(str(uuid.uuid5(_JOBS, str(after_id))), message)
    except OssgardError as error:
        log(logging.WARNING, "a purge could not be requested", error=error)


async def purge(services: Services, after_id: int) -> None:
    """Delete the vectors of one slice of notes, then the notes.

    A store that cannot be reached keeps its notes until the next time; one that refuses for good loses them, and so
    does one at which the process ended too often: the vectors that are left are in nobody's way.
    """
    notes = await services.db.list_vector_purges(after_id, SLICE_SIZE)
    done: list[int] = []
    by_store: dict[str, list[VectorPurge]] = {}
    for note in notes:
        by_store.setdefault(json.dumps(note.vector_store, sort_keys=True), []).append(note)
    for mine in by_store.values():
        ids = [note.id for note in mine]
        if max(note.begun for note in mine) >= RETRIES.deaths:
            log(logging.ERROR, "vectors are not deleted, since the process ended each time", count=len(mine))
            done += ids
            continue
        await services.db.mark_vector_purges(ids, True)
        try:
            await _delete(services, mine)
            done += ids
        except PermanentError as error:
            log(logging.WARNING, "vectors could not be deleted", error=error, count=len(mine))
            done += ids
        except OssgardError as error:
            log(logging.WARNING, "vectors are deleted later", error=error, count=len(mine))
            await services.db.mark_vector_purges(ids, False)
    if done:
        await services.db.delete_vector_purges(done)
    if len(notes) == SLICE_SIZE:
        await request_purge(services, notes[-1].id)


async def _delete(services: Services, notes: Sequence[VectorPurge]) -> None:
    """Delete the vectors of pull requests that are in one store."""
    config = notes[0].vector_store
    store = services.vectors(VectorStoreConfig.model_validate(config) if config else None)
    for collection, point_id in ((CODE_COLLECTION, code_point_id), (INTENT_COLLECTION, intent_point_id)):
        if await store.dimensions(collection) is not None:
            await store.delete(collection, [point_id(note.repo_id, note.number) for note in notes])
