"""A question that nobody's pull request has a part in: it tells whether a chat model is of any use at all.

When no question of a scan had a usable answer, that may be the model's fault, and then the scan has failed; or that of
what strangers wrote into their pull requests, which must not be able to stop a repository's scans.
"""

from ossgard.pipeline.answers import VerifyAnswer
from ossgard.pipeline.prompts import verify_prompt
from ossgard.providers.chat import ChatModel
from ossgard.providers.structured import StructuredAnswer, ask_structured
from ossgard.spec.entities import PR, PRState


def _pull(number: int, title: str, body: str) -> PR:
    return PR(
        id=number,
        repo_id=0,
        number=number,
        title=title,
        body=body,
        author="octocat",
        diff_hash=None,
        file_paths=["README.md"],
        state=PRState.OPEN,
        github_etag=None,
        embed_hash=None,
        created_at="",
        updated_at="",
        base_ref="main",
        head_ref=None,
        is_draft=False,
        closes=[],
        committed_at=None,
    )


# Numbers that no repository has come to.
_PULLS = (
    _pull(900_000_001, "Fix a spelling mistake in the README", "It says `recieve` where it should say `receive`."),
    _pull(900_000_002, "Correct the spelling of a word in the README", "The word is `receive`, not `recieve`."),
)


async def ask_control(model: ChatModel) -> StructuredAnswer[VerifyAnswer]:
    """Ask the question.

    Raises:
        UnusableAnswer: even this one has no usable answer.
        RetryableError: the provider cannot answer now.
        PermanentError: the provider does not accept the account's configuration.
    """
    prompt = verify_prompt("octocat/hello-world", _PULLS, model.limits)
    return await ask_structured(model, prompt.system, prompt.user, VerifyAnswer)
