"""The shapes of requests and responses."""

from typing import Annotated

from pydantic import Field, StrictBool, StrictFloat, StrictInt

from ossgard.model import CamelModel, JsonObject, Model, UrlText
from ossgard.spec.entities import EmbeddingProvider, LlmProvider, PRState, ScanStatus


class GitHubConfig(CamelModel):
    """How to reach GitHub."""

    token: Annotated[str, Field(min_length=1, max_length=1024)] = Field(json_schema_extra={"secret": True})


class LlmConfig(Model):
    """The chat model that verifies and ranks."""

    provider: LlmProvider
    url: Annotated[UrlText, Field(max_length=2048)]
    model: Annotated[str, Field(min_length=1, max_length=256)]
    api_key: Annotated[str, Field(max_length=1024)] = Field(default="", json_schema_extra={"secret": True})
    batch: StrictBool | None = Field(
        default=None, description="Send verify and rank through the provider's batch interface."
    )
    context_tokens: Annotated[StrictInt, Field(ge=4096, le=10000000)] | None = Field(
        default=None, description="The tokens that the model holds, question and answer together; assumed when absent."
    )


class EmbeddingConfig(Model):
    """The model that embeds."""

    provider: EmbeddingProvider
    url: Annotated[UrlText, Field(max_length=2048)]
    model: Annotated[str, Field(min_length=1, max_length=256)]
    api_key: Annotated[str, Field(max_length=1024)] = Field(default="", json_schema_extra={"secret": True})
    batch: StrictBool | None = Field(
        default=None, description="Send embeddings through the provider's batch interface."
    )


class VectorStoreConfig(Model):
    """A Qdrant server; without one the local host keeps vectors in its SQLite file and the cloud host in Vectorize."""

    url: Annotated[UrlText, Field(max_length=2048)]
    api_key: Annotated[str, Field(max_length=1024)] = Field(default="", json_schema_extra={"secret": True})


class ScanConfig(Model):
    """How scans of this account behave."""

    concurrency: Annotated[StrictInt, Field(ge=1, le=6)] | None = None
    code_similarity_threshold: Annotated[StrictFloat, Field(ge=0, le=1)] | None = Field(
        default=None, description="0.85 when absent."
    )
    intent_similarity_threshold: Annotated[StrictFloat, Field(ge=0, le=1)] | None = Field(
        default=None, description="0.80 when absent."
    )


class AiGatewayConfig(Model):
    """A Cloudflare AI Gateway that provider calls go through."""

    account_id: Annotated[str, Field(pattern="^[A-Za-z0-9_-]{1,64}$")]
    gateway_name: Annotated[str, Field(pattern="^[A-Za-z0-9_-]{1,64}$")]
    cache_ttl: Annotated[StrictInt, Field(ge=60, le=2592000)] | None = Field(
        default=None, description="Seconds for which the gateway answers a repeated chat request from its cache."
    )


class Config(Model):
    """The services an account uses."""

    github: GitHubConfig
    llm: LlmConfig
    embedding: EmbeddingConfig
    vector_store: VectorStoreConfig | None = None
    scan: ScanConfig | None = None
    ai_gateway: AiGatewayConfig | None = None


class Health(CamelModel):
    status: str = Field(description="`ok`")


class CreateAccount(CamelModel):
    label: Annotated[str, Field(max_length=200)] | None = None
    config: Config


class CreatedAccount(CamelModel):
    api_key: str = Field(description="Shown once; only its SHA-256 is stored.")
    warnings: list[str]


class AccountView(CamelModel):
    """The caller's account; secrets show their last four characters."""

    id: int
    label: str | None
    config: JsonObject
    created_at: str
    updated_at: str


class UpdateAccount(CamelModel):
    """A secret sent back as it was shown (`****` and four characters) stays as it is."""

    label: Annotated[str, Field(max_length=200)] | None = None
    config: Config


class UpdatedAccount(CamelModel):
    updated: bool
    warnings: list[str]


class CreateRepo(CamelModel):
    owner: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^/\s]+$")]
    name: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^/\s]+$")]


class ScanOptions(CamelModel):
    full: StrictBool = Field(default=False, description="Read every pull request again; ignore what is stored.")
    max_prs: Annotated[StrictInt, Field(ge=1, le=9007199254740991)] | None = Field(
        default=None, description="Scan at most this many pull requests."
    )


class StartedScan(CamelModel):
    scan_id: int
    job_id: str
    status: ScanStatus


class ActiveScan(CamelModel):
    scan_id: int
    status: ScanStatus


class DupeMember(CamelModel):
    pr_id: int
    pr_number: int
    title: str
    author: str
    state: PRState
    rank: int
    score: float
    rationale: str | None


class DupeGroupView(CamelModel):
    group_id: int
    label: str | None
    pr_count: int
    members: list[DupeMember]


class Dupes(CamelModel):
    repo: str = Field(description="`owner/name`")
    scan_id: int
    completed_at: str | None
    group_count: int
    groups: list[DupeGroupView]


class ReviewedPR(CamelModel):
    id: int
    number: int
    title: str
    author: str
    state: PRState


class SimilarPR(CamelModel):
    """A pull request that is near by code or intent; the score of a signal by which it is not is 0."""

    pr_id: int
    pr_number: int
    title: str
    author: str
    state: PRState
    code_score: float
    intent_score: float


class Review(CamelModel):
    repo: str = Field(description="`owner/name`")
    scan_id: int | None = Field(description="The latest completed scan, if there is one.")
    pr: ReviewedPR
    dupe_groups: list[DupeGroupView]
    similar_prs: list[SimilarPR] = Field(description="At most 10, best first, never the pull request itself.")


class Ok(CamelModel):
    ok: bool
