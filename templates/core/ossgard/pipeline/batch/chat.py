"""Groups asked about in batches: the answers are stored, and the phase's ordinary slices take them as first answers."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from ossgard.errors import PermanentError, RetryableError
from ossgard.pipeline.batch.rounds import Collected, Ordinary, run_batches
from ossgard.pipeline.batch.states import Claimed, Submitted
from ossgard.pipeline.groups import GroupsCursor, Question, prepare_question
from ossgard.pipeline.outcome import Outcome
from ossgard.pipeline.phase import Slice
from ossgard.pipeline.prompts import Prompt
from ossgard.providers.batch.api import BatchApi, BatchChatModel, BatchItemResult
from ossgard.providers.batch.request_file import RequestFile
from ossgard.providers.tokens import estimate_tokens
from ossgard.spec.entities import BatchAnswerInput, Progress

# How many groups one round asks about at most, and how many are read at once.
ROUND_SIZE = 2000
PAGE_SIZE = 20
# How much of the answers is stored at once.
PIECE_ANSWERS = 200
PIECE_CHARACTERS = 500_000


@dataclass(frozen=True)
class GroupBatches:
    """Implements `BatchWork` for a phase that asks about groups."""

    slice: Slice[GroupsCursor]
    question: Question[Any]
    model: BatchChatModel

    @property
    def api(self) -> BatchApi:
        """The batches of the model's provider."""
        return self.model.batches

    @property
    def is_lasting(self) -> bool:
        """The answers are of use to their own scan only."""
        return False

    async def gather(self, file: RequestFile, round: Claimed) -> int | None:
        """Put questions about groups into a file, but for those that need not be asked."""
        slice, after = self.slice, round.after
        for _ in range(ROUND_SIZE // PAGE_SIZE):
            groups = await slice.db.list_candidate_groups(slice.scan_id, self.question.kind, after, PAGE_SIZE)
            asking = await prepare_question(slice, self.question, groups, self.model.limits)
            for position in (group.position for group in groups):
                prompt = None if position in asking.known else asking.prompts.get(position)
                if prompt is not None and not self._add(file, position, prompt, round.left_out):
                    return after
                after = position
            if len(groups) < PAGE_SIZE:
                return None
        return after

    def _add(self, file: RequestFile, position: int, prompt: Prompt, left_out: Collection[str]) -> bool:
        body = self.model.body(prompt.system, prompt.user, self.model.limits.answer_tokens, left_out)
        return file.add(str(position), body, estimate_tokens(prompt.system) + estimate_tokens(prompt.user))

    async def collect(self, results: AsyncIterator[BatchItemResult], round: Submitted) -> Collected:
        """Store answers in pieces. Doing so again, or twice at the same time, stores the same."""
        answered, errors = 0, []
        piece: list[BatchAnswerInput] = []
        characters = 0
        async for result in results:
            answer = self._read(result)
            if answer is None:
                errors.append(result.error)
                continue
            piece.append(answer)
            answered += 1
            characters += len(answer.text)
            if len(piece) == PIECE_ANSWERS or characters > PIECE_CHARACTERS:
                await self._store(piece)
                piece, characters = [], 0
        await self._store(piece)
        refused = () if answered else self.model.refused(errors, round.left_out)
        # The tokens are counted when the answers are used.
        return Collected(answered, len(errors), refused=refused)

    def _read(self, result: BatchItemResult) -> BatchAnswerInput | None:
        if result.answer is None or not result.item.isdecimal():
            return None
        try:
            answer = self.model.read(result.answer)
        except (RetryableError, PermanentError):
            # It is not what the provider documents: asked again, in the ordinary way.
            return None
        return BatchAnswerInput(
            position=int(result.item),
            text=answer.text,
            problem=answer.problem,
            input_tokens=answer.input_tokens,
            output_tokens=answer.output_tokens,
        )

    async def _store(self, answers: Sequence[BatchAnswerInput]) -> None:
        if answers:
            await self.slice.db.insert_batch_answers(self.slice.scan_id, self.question.name, answers)


async def batch_groups(slice: Slice[GroupsCursor], question: Question[Any], total: int) -> Outcome | Ordinary:
    """Take the next step of asking about all groups in batches, if there is one (still).

    Args:
        slice: the slice of the phase.
        question: what is asked.
        total: how many groups there are. One alone is asked about in the ordinary way.
    """
    if slice.cursor.batch is None and (not slice.config.llm.batch or total < 2 or slice.cursor.position):
        return Ordinary()
    model = slice.providers.batch_chat_model()
    if model is None:
        return Ordinary()
    progress = Progress(done=0, total=total, note=None)
    return await run_batches(slice, GroupBatches(slice, question, model), bool(slice.config.llm.batch), progress)
