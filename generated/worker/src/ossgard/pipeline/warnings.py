"""What a scan says that it could not do: one warning of each kind, with what it means for the result and what helps."""

from collections.abc import Iterable, Sequence

from ossgard.spec.entities import ScanWarning, WarningCode

MAX_EXAMPLES = 5
_MAX_REASON = 300

_MESSAGES = {
    WarningCode.PULL_UNREADABLE: (
        "GitHub did not give these pull requests in a form that can be read. What was stored of them before stays, and "
        "the next scan reads them again."
    ),
    WarningCode.DIFF_UNAVAILABLE: (
        "GitHub did not give the diffs of these pull requests. They are compared by title, description and changed "
        "files, and by the last diff that was read, if there was one. The next scan asks for them again."
    ),
    WarningCode.NOT_EMBEDDED: (
        "The embedding model refuses the texts of these pull requests. They are compared by equal diffs, and by what "
        "was embedded of them before. The next scan tries again; another embedding.model may take them."
    ),
    WarningCode.NOT_VERIFIED: (
        "The chat model gave no usable answer to these questions about similar pull requests. What is known of them "
        "otherwise is shown: equal changes, and what was answered before. The next scan asks again; another llm.model "
        "may answer."
    ),
    WarningCode.NOT_ASKED_ABOUT: (
        "The chat model has not spoken of these pull requests: it left them out of an answer, or the question about "
        "their group had no room for them. The next scan asks again; an llm.model that takes longer prompts has more "
        "room."
    ),
    WarningCode.NOT_RANKED: (
        "The chat model gave no usable answer about the order in these groups of duplicates. Their members are in the "
        "order of their numbers, with the score 0. Another llm.model may answer."
    ),
}


def warning(
    code: WarningCode, numbers: Iterable[int], reason: str | None = None, count: int | None = None
) -> ScanWarning:
    """A warning about pull requests.

    Args:
        code: what could not be done.
        numbers: the pull requests that it concerns.
        reason: why, the last time.
        count: how often it happened, if that is not once for each pull request.
    """
    concerned = list(dict.fromkeys(numbers))
    message = _MESSAGES[code]
    if reason is not None:
        message = f"{message} The last reason: {reason[:_MAX_REASON]}"
    times = len(concerned) if count is None else count
    return ScanWarning(code=code, message=message, count=times, examples=concerned[:MAX_EXAMPLES])


def merged(before: Sequence[ScanWarning], added: Sequence[ScanWarning]) -> list[ScanWarning]:
    """The warnings of a scan with those of one more slice: counts are added, and the last message stands."""
    by_code = {one.code: one for one in before}
    for one in added:
        known = by_code.get(one.code)
        if known is not None:
            examples = list(dict.fromkeys([*known.examples, *one.examples]))[:MAX_EXAMPLES]
            one = one.model_copy(update={"count": known.count + one.count, "examples": examples})
        by_code[one.code] = one
    return list(by_code.values())
