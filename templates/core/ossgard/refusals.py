"""What servers refuse of a request, in whatever words: options that it can do without, or one question."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from ossgard.model import JsonObject


@dataclass(frozen=True)
class Refusal:
    """An answer that refuses a request.

    Args:
        status: the HTTP status, or the one that the answer names.
        code: the error's code or type; may be empty.
        words: the error's message, shortened.
        text: the beginning of the answer, in lower case. It may repeat what was sent.
    """

    status: int
    code: str
    words: str
    text: str


@dataclass(frozen=True)
class Option:
    """A part of a request that a server may refuse, and that the request can do without.

    Args:
        names: how servers call it; by the first name it is remembered.
        content: what it adds to the request; objects are merged.
    """

    names: tuple[str, ...]
    content: JsonObject


# Options of a request; of several in one place, the first is sent that is not refused.
Options = Sequence[Sequence[Option]]

# A refusal of some option, without saying which one.
_ANY_OPTION = (
    "extra inputs are not permitted",
    "extra_forbidden",
    "additional properties",
    "unrecognized request argument",
    "unknown_parameter",
    "unknown parameter",
    "unsupported_parameter",
    "unsupported parameter",
    "unexpected keyword argument",
    "the requested parameters",
    "unknown field",
    "unrecognized field",
)


def _any_of(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns))


# How providers say it: OpenAI, Azure, Anthropic, vLLM, llama.cpp, Ollama, LM Studio, OpenRouter, Gemini, Mistral, Groq.
_TOO_LONG = _any_of(
    r"context[_ -]?(length|window|size|limit)",
    r"n_ctx",
    r"max(imum)?[_ ](context|input|prompt|seq|sequence|model)",
    r"maximum number of (input )?tokens",
    r"(prompt|input|request|messages?|content|text|query|sequence|body|payload|entity)s? (\w+ ){0,4}?"
    r"(too (long|large|big|many)|exceeds?|larger than|longer than|greater than)",
    r"too[ _]many[ _]((input|prompt)[ _])?tokens",
    r"exceeds? the (max|limit|model|available|allowed|context|token)",
    r"(exceed(s|ed|ing)?|over|above|beyond|reached) (\w+ ){0,4}?(token|context|length|size)",
    r"token (count|limit|length)",
    r"tokens? (\w+ ){0,3}?(exceed|limit|allowed)",
    r"string_above_max_length",
    r"request[_ ]too[_ ]large",
    r"reduce (\w+ ){0,3}?(length|size|prompt|input)",
    r"range of input length",
)
_UNWANTED = _any_of(
    r"invalid_prompt",
    r"content[_ -]?(policy|filter|management|moderation|violation|safety)",
    r"responsibleaipolicy",
    r"(usage|safety|acceptable use) polic",
    r"polic(y|ies) violat",
    r"violat\w* (\w+ ){0,4}?polic",
    r"moderation|flagged|safety|unsafe|harmful|inappropriate|jailbreak|blocklist",
    r"prohibited_content|data_inspection_failed|sensitive_words",
    r"sensitive (content|information|words?)",
    r"prompt (was |is )?blocked|blocked by",
)
# Refusals that every question would meet: of the account, of the model, of the form of our requests.
_NOT_ABOUT_THE_QUESTION = _any_of(
    r"model_not_found|model_not_supported|model_decommissioned|invalid_model|deploymentnotfound",
    r"(model|deployment|engine) (\S+ ){0,3}?(does not exist|not found|not exist|not loaded)",
    r"(model|deployment|engine) (\S+ ){0,3}?is not (available|supported|a valid)",
    r"(model|deployment|engine) (\S+ ){0,3}?has been (deprecated|retired|removed|decommissioned)",
    r"(unknown|invalid|no such|unsupported) model|not a valid model|no models? loaded",
    r"api[ _-]?key|api[ _-]?version|unauthori[sz]ed|authenticat|permission|access denied",
    r"billing|credit balance|insufficient|quota|payment|subscription|organization",
    r"unsupported_(parameter|value|country)|unsupported country|unknown_parameter|missing_required_parameter",
    r"unrecognized request|extra inputs are not permitted|missing required|field required|unknown url",
)
_QUESTION_STATUSES = frozenset({400, 413, 422})
_KNOWN_MODELS = 1000


def with_options(content: JsonObject, options: Options, refused: Collection[str]) -> tuple[JsonObject, list[Option]]:
    """A request with the options that are not refused, and which those are."""
    sent = []
    request = dict(content)
    for alternatives in options:
        option = next((one for one in alternatives if one.names[0] not in refused), None)
        if option is None:
            continue
        sent.append(option)
        for key, value in option.content.items():
            known = request.get(key)
            request[key] = {**known, **value} if isinstance(known, dict) and isinstance(value, dict) else value
    return request, sent


def refused_options(refusal: Refusal, sent: Collection[Option]) -> set[str]:
    """The options that a refusal names, or all, when it says that it is about one but not about which."""
    named = {option.names[0] for option in sent if any(_names(refusal.text, name) for name in option.names)}
    if named or not any(sign in refusal.text for sign in _ANY_OPTION):
        return named
    return {option.names[0] for option in sent}


def named_options(errors: Iterable[str], options: Options, left_out: Collection[str]) -> set[str]:
    """The options that errors say are refused, of those that were not left out."""
    _, sent = with_options({}, options, left_out)
    return {name for error in errors for name in refused_options(Refusal(400, "", error, error.lower()), sent)}


def is_about_the_question(refusal: Refusal) -> bool:
    """Whether another question may be answered: this one is too long, or is not wanted for what it says.

    What nobody has seen before counts as such: a scan in which nothing is answered fails all the same.
    """
    said = f"{refusal.code} {refusal.words}".lower()
    if refusal.status == 413 or _TOO_LONG.search(said) or _UNWANTED.search(said):
        return True
    return refusal.status in _QUESTION_STATUSES and not _NOT_ABOUT_THE_QUESTION.search(said)


def is_unwanted(code: str, words: str) -> bool:
    """Whether an error says that a question is refused for what is in it."""
    return _UNWANTED.search(f"{code} {words}".lower()) is not None


def is_too_long(code: str, words: str) -> bool:
    """Whether an error says that a question is too long."""
    return _TOO_LONG.search(f"{code} {words}".lower()) is not None


class KnownRefusals:
    """The options that models have refused, by server and model; the oldest are forgotten."""

    def __init__(self) -> None:
        self._refused: dict[tuple[str, str], set[str]] = {}

    def of(self, server: str, model: str) -> frozenset[str]:
        """The names of the options that a model is not to be sent."""
        return frozenset(self._refused.get((server, model), ()))

    def add(self, server: str, model: str, names: Collection[str]) -> None:
        """Remember refused options."""
        if not names:
            return
        known = self._refused.pop((server, model), set())
        self._refused[server, model] = known | set(names)
        if len(self._refused) > _KNOWN_MODELS:
            del self._refused[next(iter(self._refused))]


def _names(text: str, name: str) -> bool:
    """Whether a text holds a name as a word of its own."""
    start = text.find(name)
    while start >= 0:
        end = start + len(name)
        if not (_is_part_of_word(text[start - 1 : start]) or _is_part_of_word(text[end : end + 1])):
            return True
        start = text.find(name, end)
    return False


def _is_part_of_word(character: str) -> bool:
    return character == "_" or character.isalnum()
