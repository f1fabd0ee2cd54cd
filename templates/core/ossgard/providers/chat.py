"""Chat models as the pipeline sees them, and how much text each one takes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from ossgard.errors import PermanentError
from ossgard.model import JsonObject
from ossgard.providers.http_api import ModelApi, RequestRefused

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
            UnusableAnswer: the provider does not take this question.
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


def chat_limits(provider: str, model: str) -> ChatLimits:
    """How much text a model takes; of models that are not known, what is safe to assume."""
    # Providers that resell others' models put the maker in front: `openai/gpt-4o`.
    name = model.rpartition("/")[2].lower()
    known = _LIMITS[provider]
    return known[max((prefix for prefix in known if name.startswith(prefix)), key=len)]


async def post_question(api: ModelApi, path: str, question: JsonObject) -> JsonObject:
    """Post a chat request at temperature 0, or without one to models that refuse to be given any.

    Raises:
        UnusableAnswer: the provider does not take the question: it is too long, or against some policy.
        RetryableError: the provider cannot answer now.
        PermanentError: the provider does not accept the account's configuration.
    """
    try:
        if api.takes_temperature:
            try:
                return await api.post(path, {**question, "temperature": 0})
            except RequestRefused as refusal:
                if "temperature" not in refusal.reason.lower():
                    raise
                api.takes_temperature = False
        return await api.post(path, question)
    except RequestRefused as refusal:
        if 400 <= refusal.status < 500:
            raise UnusableAnswer(str(refusal)) from refusal
        raise


def count(usage: object, *keys: str) -> int:
    """The sum of counts in a usage object; what is missing is zero."""
    if not isinstance(usage, dict):
        return 0
    return sum(value for key in keys if isinstance(value := usage.get(key), int))
