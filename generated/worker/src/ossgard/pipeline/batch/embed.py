"""Pull requests embedded in batches, one request for both signals of each."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, replace

from ossgard.errors import PermanentError, RetryableError
from ossgard.pipeline.batch.rounds import Collected, Ordinary, run_batches
from ossgard.pipeline.batch.states import Claimed, Submitted, kept
from ossgard.pipeline.outcome import Outcome
from ossgard.pipeline.phase import Slice
from ossgard.pipeline.signals import Signals, signal_texts, store_signals
from ossgard.pipeline.texts import embed_hash
from ossgard.pipeline.vector_size import prepare_collections
from ossgard.ports import VectorStore
from ossgard.providers.batch.api import BatchApi, BatchEmbeddingModel, BatchItemResult
from ossgard.providers.batch.request_file import RequestFile
from ossgard.providers.embeddings import prepare
from ossgard.providers.tokens import estimate_tokens
from ossgard.spec import writes
from ossgard.spec.cursors import EmbedCursor
from ossgard.spec.entities import PR, EmbedHash, Progress

# How many pull requests one round embeds at most, and how many it looks through for changed ones, in how large pieces.
ROUND_SIZE = 5000
ROUND_PAGES = 200
PAGE_SIZE = 100
# How many are stored at once.
PIECE_SIZE = 200


def changed_hash(pull: PR) -> str | None:
    """The hash of what is to be embedded of a pull request; None when just that is embedded."""
    hash = embed_hash(pull.diff_hash, pull.title, pull.body, pull.file_paths)
    return None if hash == pull.embed_hash else hash


@dataclass(frozen=True)
class _Item:
    """A pull request in a batch: what is embedded, under which hash. Its text form is the item's name."""

    pr_id: int
    pr_number: int
    texts: int
    hash: str

    def __str__(self) -> str:
        return f"{self.pr_id}-{self.pr_number}-{self.texts}-{self.hash}"

    @classmethod
    def parse(cls, text: str) -> "_Item | None":
        """The item of a name; None when it is none of ours."""
        parts = text.split("-")
        if len(parts) != 4 or not all(part.isdecimal() for part in parts[:3]):
            return None
        return cls(int(parts[0]), int(parts[1]), int(parts[2]), parts[3])


@dataclass(frozen=True)
class PullBatches:
    """Implements `BatchWork` for changed pull requests."""

    slice: Slice[EmbedCursor]
    store: VectorStore
    model: BatchEmbeddingModel
    shared_lines: Collection[str]

    @property
    def api(self) -> BatchApi:
        """The batches of the model's provider."""
        return self.model.batches

    @property
    def is_lasting(self) -> bool:
        """What is embedded stays so."""
        return True

    async def gather(self, file: RequestFile, round: Claimed) -> int | None:
        """Put the texts of changed pull requests into a file."""
        slice, after = self.slice, round.after
        for _ in range(ROUND_PAGES):
            pulls = await slice.account_db.list_open_prs_after(slice.repo_id, after, PAGE_SIZE)
            for pull in pulls:
                hash = changed_hash(pull)
                if hash is not None and (file.requests == ROUND_SIZE or not self._add(file, pull, hash)):
                    return after
                after = pull.number
            if len(pulls) < PAGE_SIZE:
                return None
        return after

    def _add(self, file: RequestFile, pull: PR, hash: str) -> bool:
        texts = [prepare(text, self.model.limits) for text in signal_texts(pull, self.shared_lines)]
        item = _Item(pull.id, pull.number, len(texts), hash)
        return file.add(str(item), self.model.body(texts), sum(estimate_tokens(text) for text in texts))

    async def collect(self, results: AsyncIterator[BatchItemResult], round: Submitted) -> Collected | Outcome:
        """Store vectors in pieces. Doing so again, or twice at the same time, stores the same.

        What is embedded is recorded with the outcome only: then all of the vectors are stored.
        """
        hashes: list[EmbedHash] = []
        piece: list[tuple[Signals, str]] = []
        cursor = self.slice.cursor
        answered, failed, tokens = 0, 0, 0
        async for result in results:
            item = _Item.parse(result.item)
            found = None if item is None else self._read(item, result)
            if item is None or found is None:
                failed += 1
                continue
            signals, used = found
            tokens += used
            if not answered:
                restart = await self._prepare_collections(round, len(signals.intent))
                if restart is not None:
                    return restart
            answered += 1
            piece.append((signals, item.hash))
            if len(piece) == PIECE_SIZE:
                cursor = await self._store(piece, hashes, cursor)
                piece = []
        cursor = await self._store(piece, hashes, cursor)
        rows = [writes.update_pr_embed_hashes(hashes)] if hashes else []
        return Collected(answered, failed, rows, embedding_tokens=tokens, cursor=cursor)

    async def _store(
        self, piece: Sequence[tuple[Signals, str]], hashes: list[EmbedHash], cursor: EmbedCursor
    ) -> EmbedCursor:
        """Store the vectors of pull requests that are still open, and add to the hashes of what is stored."""
        still_open = await self.slice.open_pulls(signals.pr_id for signals, _ in piece)
        still = [(signals, hash) for signals, hash in piece if signals.pr_id in still_open]
        hashes += [EmbedHash(id=signals.pr_id, embed_hash=hash) for signals, hash in still]
        tokens = await store_signals(self.store, self.slice.repo_id, [signals for signals, _ in still])
        return tokens.kept_in(cursor)

    async def _prepare_collections(self, round: Submitted, dimensions: int) -> Outcome | None:
        """Make the collections ready; when they are emptied for it, collect again, and begin all anew."""
        # Nothing comes before the first pull request, so this says that it has begun anew.
        again = kept(replace(round, until=0))
        return await prepare_collections(self.slice, self.store, dimensions, restarted=round.until == 0, batch=again)

    def _read(self, item: _Item, result: BatchItemResult) -> tuple[Signals, int] | None:
        """The vectors of an item and the tokens they took; None when it is to be embedded in the ordinary way."""
        if result.answer is None:
            return None
        try:
            answer = self.model.read(result.answer, item.texts)
        except (RetryableError, PermanentError):
            # Should the provider always answer like this, the ordinary way will tell.
            return None
        code = answer.vectors[1] if item.texts > 1 else None
        return Signals(item.pr_id, item.pr_number, answer.vectors[0], code), answer.input_tokens


async def embed_in_batches(slice: Slice[EmbedCursor], store: VectorStore) -> Outcome | Ordinary:
    """Take the next step of embedding what has changed in batches, if there is one (still)."""
    total = slice.cursor.total or 0
    if slice.cursor.batch is None and (not slice.config.embedding.batch or total < 2):
        return Ordinary()
    model = slice.providers.batch_embedding_model()
    if model is None:
        return Ordinary()
    progress = Progress(done=0, total=total, note=None)
    work = PullBatches(slice, store, model, await slice.shared_lines())
    return await run_batches(slice, work, bool(slice.config.embedding.batch), progress)
