"""Collections that hold vectors of another size: emptied, once everybody's pull requests are marked as not embedded."""

from ossgard.errors import PermanentError
from ossgard.model import JsonObject
from ossgard.pipeline.outcome import NextSlice, Outcome
from ossgard.pipeline.phase import Slice
from ossgard.pipeline.signals import ensure_collections, has_other_size
from ossgard.ports import VectorStore
from ossgard.spec import writes
from ossgard.spec.cursors import EmbedCursor

# How often two scans with vectors of different sizes may take the collections from each other.
MAX_RESTARTS = 3


async def prepare_collections(
    slice: Slice[EmbedCursor],
    store: VectorStore,
    dimensions: int,
    *,
    restarted: bool,
    batch: JsonObject | None,
    embedding_tokens: int = 0,
) -> Outcome | None:
    """Make the collections ready for vectors of a size; an outcome when the phase has to begin anew for that.

    Everybody is told what is about to go before it goes, by that outcome: killed after it, the phase still begins anew.

    Args:
        slice: the slice of the phase.
        store: holds the collections.
        dimensions: the size.
        restarted: whether the phase has begun anew, and nothing has been stored since.
        batch: how far it is with its batches when it begins anew.
        embedding_tokens: what has been used on the way here.
    """
    if await has_other_size(store, dimensions):
        if not restarted:
            restarts = slice.cursor.restarts + 1
            if restarts > MAX_RESTARTS:
                raise PermanentError(
                    "Another scan embeds with vectors of another size at the same time. Start the scan again when it "
                    "has ended, or use the same embedding model for both"
                )
            again = NextSlice(EmbedCursor(total=slice.cursor.total, restarts=restarts, batch=batch))
            return Outcome(again, [writes.clear_all_embed_hashes()], embedding_tokens=embedding_tokens)
        # Whoever has embedded since the restart loses that, too.
        await slice.db.clear_all_embed_hashes()
    await ensure_collections(store, dimensions)
    return None
