"""Chat models as the pipeline sees them, and how much text each one takes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from ossgard.errors import PermanentError
from ossgard.model import JsonObject
from ossgard.outgoing import AnswerTooLarge
from ossgard.providers.http_api import ModelApi, NotFound, RequestRefused
from ossgard.refusals import Options, is_about_the_question

# What a prompt leaves free of the model's context, for the answer.
ANSWER_TOKENS = 8192


@dataclass(frozen=True)
class ChatLimits:
    """The tokens that a model can hold, prompt and answer together, and those that its answer may have."""

    context_tokens: int
    answer_tokens: int = ANSWER_TOKENS


@dataclass(frozen=True)
class ChatAnswer:
    """What a model answered, and what that used.

    `problem` says why the text is not all that the model had to say: it was cut off, or withheld.
    """

    text: str
    input_tokens: int
    output_tokens: int
    problem: str | None = None


class UnusableAnswer(PermanentError):
    """A model's answer is of no use, and asking again is unlikely to help; what it used counts all the same."""

    def __init__(self, message: str, input_tokens: int = 0, output_tokens: int = 0) -> None:
        super().__init__(message)
        self.input_tokens = input_tokens
        self.output_tokens = output_tokens


class QuestionRefused(UnusableAnswer):
    """A provider does not answer this question, but may well answer others: it is too long, or unwanted."""


class ChatModel(Protocol):
    """Answers a question in JSON."""

    @property
    def name(self) -> str:
        """Provider and model, for messages."""
        ...

    @property
    def limits(self) -> ChatLimits:
        """How much text the model takes."""
        ...

    async def complete(self, system: str, user: str, max_tokens: int) -> ChatAnswer:
        """Ask a question.

        Args:
            system: the task, the same for many questions.
            user: the question itself.
            max_tokens: the longest answer.

        Raises:
            RetryableError: the provider cannot answer now.
            QuestionRefused: the provider does not answer this question.
            UnusableAnswer: the answer is beyond all measure.
            PermanentError: the provider does not accept the account's configuration.
        """
        ...


# By the beginning of the model's name, the longest that fits. Older models answer at less length than is asked for.
_CLAUDE = ChatLimits(200_000)
_ANTHROPIC: Mapping[str, ChatLimits] = {
    "": _CLAUDE,
    "claude-3-haiku": ChatLimits(200_000, 4096),
    "claude-3-sonnet": ChatLimits(200_000, 4096),
    "claude-3-opus": ChatLimits(200_000, 4096),
}
# The first entry is a careful guess at models of other makers, which speak the same protocol.
_OPENAI: Mapping[str, ChatLimits] = {
    "": ChatLimits(32_768),
    "claude": _CLAUDE,
    "gpt-3.5": ChatLimits(16_385, 4096),
    "gpt-4": ChatLimits(8192, 4096),
    "gpt-4-turbo": ChatLimits(128_000, 4096),
    "gpt-4-1106": ChatLimits(128_000, 4096),
    "gpt-4-0125": ChatLimits(128_000, 4096),
    "gpt-4-32k": ChatLimits(32_768),
    "gpt-4o": ChatLimits(128_000),
    "chatgpt-4o": ChatLimits(128_000),
    "gpt-4.": ChatLimits(128_000),
    "gpt-4.1": ChatLimits(1_047_576),
    "gpt-5": ChatLimits(272_000),
    "o1": ChatLimits(128_000),
    "o3": ChatLimits(200_000),
    "o4": ChatLimits(200_000),
}
# Ollama takes as much as it is told to, and as fits into the computer's memory.
_OLLAMA: Mapping[str, ChatLimits] = {"": ChatLimits(16_384)}
_LIMITS: Mapping[str, Mapping[str, ChatLimits]] = {"anthropic": _ANTHROPIC, "openai": _OPENAI, "ollama": _OLLAMA}

# No request has more tokens, and no batch more requests.
_MAX_COUNT = 100_000_000


def chat_limits(provider: str, model: str, context_tokens: int | None = None) -> ChatLimits:
    """How much text a model takes; of models that are not known, what is safe to assume.

    Args:
        provider: whose model it is.
        model: its name.
        context_tokens: its context, when the account's configuration tells.
    """
    # Providers that resell others' models put the maker in front: `openai/gpt-4o`.
    name = model.rpartition("/")[2].lower()
    known = _LIMITS[provider]
    limits = known[max((prefix for prefix in known if name.startswith(prefix)), key=len)]
    if context_tokens is None:
        return limits
    return ChatLimits(context_tokens, min(limits.answer_tokens, context_tokens // 2))


async def ask_model(api: ModelApi, path: str, question: JsonObject, options: Options) -> JsonObject:
    """Post a chat request, with the options that the model does not refuse.

    Raises:
        QuestionRefused: the provider does not answer this question.
        UnusableAnswer: the answer is too large to be one.
        RetryableError: the provider cannot answer now.
        PermanentError: the provider does not accept the account's configuration.
    """
    try:
        return await api.ask(path, question, options)
    except AnswerTooLarge as error:
        raise UnusableAnswer(str(error)) from error
    except NotFound:
        raise
    except RequestRefused as refused:
        if is_about_the_question(refused.refusal):
            raise QuestionRefused(str(refused)) from refused
        raise


def count(usage: object, *keys: str) -> int:
    """The sum of counts in a usage object; what is missing, or cannot be a count, is zero."""
    if not isinstance(usage, dict):
        return 0
    values = (usage.get(key) for key in keys)
    # Not `isinstance`: true is no count.
    return sum(value for value in values if type(value) is int and 0 <= value <= _MAX_COUNT)
