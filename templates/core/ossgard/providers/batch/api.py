"""Batches of requests at a provider as the pipeline sees them: half the price, for minutes to hours of waiting."""

from collections.abc import AsyncGenerator, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from ossgard.model import JsonObject
from ossgard.providers.batch.request_file import BatchLimits, RequestFile
from ossgard.providers.chat import ChatAnswer, ChatModel
from ossgard.providers.embeddings import EmbeddingAnswer, EmbeddingLimits, EmbeddingModel


class BatchState(StrEnum):
    """How far a provider is with a batch; the results of one that is not running can be read, where there are any."""

    RUNNING = "running"
    ENDED = "ended"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class BatchStatus:
    """What a provider says about a batch.

    `succeeded` of its requests have an answer so far, as far as the provider tells. `problem` holds its own words
    about one that has failed. `token_limit` is set when that is since too many tokens are waiting there: how many may
    wait, 0 when the provider does not say.
    """

    state: BatchState
    expires_at: datetime
    succeeded: int
    problem: str = ""
    token_limit: int | None = None


@dataclass(frozen=True)
class SubmittedBatch:
    """A batch that a provider has accepted, and when it gives it up."""

    id: str
    expires_at: datetime


@dataclass(frozen=True)
class BatchItemResult:
    """What became of one request: the body that it would have been answered with alone, or why there is none."""

    item: str
    answer: JsonObject | None
    error: str = ""


class BatchApi(Protocol):
    """The batch interface of a model.

    Every method may raise

    - RetryableError: the provider cannot answer now.
    - PermanentError: it never will; the text names the batch, where there is one, and says what to do.
    """

    @property
    def name(self) -> str:
        """Provider and model, for messages."""
        ...

    @property
    def limits(self) -> BatchLimits:
        """What one batch may hold."""
        ...

    def new_file(self, claim: str, tokens: int | None = None) -> RequestFile:
        """An empty file for the requests of one batch.

        Args:
            claim: a random key of 16 hex digits that marks the requests as those of one submission.
            tokens: fewer tokens than `limits` allow.
        """
        ...

    async def find(
        self,
        claim: str,
        since: datetime,
        requests: int,
        excluding: Collection[str] = (),
        until: datetime | None = None,
    ) -> SubmittedBatch | None:
        """The batch that was submitted under a claim, but whose id was lost; None when there is none.

        OpenAI keeps the claim with the batch. Anthropic does not: a batch that has ended is told by the ids of its
        requests, but one that is still running only by its time and its number of requests. Such a one is returned
        when nothing better is found, and may be another's: of another scan with the same key, or of another program
        altogether. Then its results hold none of this claim, and `find` can be called again without it. Not excluded is
        that a provider lists a batch only some time after it has accepted it, or that a server keeps no metadata: a
        batch that is not found may exist all the same.

        Args:
            claim: the key of the submission.
            since: when it was made, at the earliest.
            requests: how many requests the batch has.
            excluding: ids of batches that are known to be others.
            until: when it was made, at the latest.
        """
        ...

    async def submit(self, claim: str, file: RequestFile) -> SubmittedBatch:
        """Submit the requests of a file; no more can be added to it.

        After any error the provider may have accepted the batch all the same: look with `find` before the next try.
        """
        ...

    async def status(self, batch_id: str) -> BatchStatus:
        """How far the provider is."""
        ...

    def results(self, claim: str, batch_id: str) -> AsyncGenerator[BatchItemResult, None]:
        """The results of a batch that has ended, in any order, read one by one; only those of a claim.

        Fewer results than the provider counts, or a broken connection, are a RetryableError at the end. Who stops
        before that closes the generator (`contextlib.aclosing`).
        """
        ...


class BatchChatModel(ChatModel, Protocol):
    """A chat model that can also be asked in batches."""

    @property
    def batches(self) -> BatchApi:
        """The provider's batch interface."""
        ...

    def body(self, system: str, user: str, max_tokens: int, left_out: Collection[str] = ()) -> JsonObject:
        """A question as the body of a request; see `complete`.

        Args:
            system: the task, the same for many questions.
            user: the question itself.
            max_tokens: the longest answer.
            left_out: names of options that are not to be sent, besides those that the model is known to refuse.
        """
        ...

    def refused(self, errors: Iterable[str], left_out: Collection[str]) -> Collection[str]:
        """The names of the options, besides those left out already, that errors in a batch say are refused."""
        ...

    def read(self, answer: JsonObject) -> ChatAnswer:
        """What an answer's body says.

        Raises:
            RetryableError: it is not what the provider documents.
        """
        ...


class BatchEmbeddingModel(EmbeddingModel, Protocol):
    """An embedding model that can also be asked in batches."""

    @property
    def batches(self) -> BatchApi:
        """The provider's batch interface."""
        ...

    @property
    def limits(self) -> EmbeddingLimits:
        """How much text the model takes."""
        ...

    def body(self, texts: Sequence[str]) -> JsonObject:
        """Texts, prepared and inside the limits, as the body of a request."""
        ...

    def read(self, answer: JsonObject, texts: int) -> EmbeddingAnswer:
        """The vectors in an answer's body to so many texts.

        Raises:
            RetryableError: it is not what the provider documents.
            PermanentError: number or size of the vectors are not what was asked for.
        """
        ...
