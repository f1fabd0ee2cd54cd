"""The database in SQL, over any executor: D1 in the Worker, `sqlite3` in tests."""

from collections.abc import Sequence

from ossgard.executor import Executor
from ossgard.model import JsonObject
from ossgard.spec import queries
from ossgard.spec.entities import (
    PR,
    Account,
    BatchAnswer,
    BatchAnswerInput,
    BatchPoll,
    CandidateGroup,
    CandidateInput,
    DueBatchPoll,
    DupeGroup,
    DupeGroupMember,
    DupeRow,
    EmbedHash,
    Failing,
    Job,
    ListedCounts,
    ListedPR,
    NeighbourEdge,
    NeighbourList,
    PendingPR,
    PRInput,
    PRKey,
    PRStateChange,
    RankedMember,
    Repo,
    RepoOverview,
    ReviewRow,
    Scan,
    ScanMessage,
    ScanStatus,
    ScanStep,
    UpdateAccountConfigChanges,
    UpdateScanStatusChanges,
    VectorPurge,
)
from ossgard.sql_methods import SqlMethods, patch


class SqlDatabase(SqlMethods):
    """Implements `Database`; see there for what the methods do.

    Args:
        executor: runs the SQL.
        max_value_bytes: the largest text that the database takes as one value.
    """

    def __init__(self, executor: Executor, max_value_bytes: int = queries.MAX_VALUE_BYTES) -> None:
        super().__init__(executor, queries.WRITES, max_value_bytes)

    async def create_account(self, api_key_hash: str, label: str | None, config: JsonObject) -> Account:
        return await self._one(Account, queries.CREATE_ACCOUNT, api_key_hash, label, config)

    async def get_account_by_api_key(self, api_key_hash: str) -> Account | None:
        return await self._first(Account, queries.GET_ACCOUNT_BY_API_KEY, api_key_hash)

    async def get_account(self, account_id: int) -> Account | None:
        return await self._first(Account, queries.GET_ACCOUNT, account_id)

    async def update_account_config(
        self, account_id: int, config: JsonObject, changes: UpdateAccountConfigChanges
    ) -> int:
        return await self._run(queries.UPDATE_ACCOUNT_CONFIG, account_id, config, patch(changes))

    async def clear_embed_hashes(self, account_id: int) -> int:
        return await self._run(queries.CLEAR_EMBED_HASHES, account_id)

    async def clear_repo_embed_hashes(self, account_id: int, repo_id: int) -> int:
        return await self._run(queries.CLEAR_REPO_EMBED_HASHES, account_id, repo_id)

    async def clear_all_embed_hashes(self) -> int:
        return await self._run(queries.CLEAR_ALL_EMBED_HASHES)

    async def insert_repo(self, account_id: int, owner: str, name: str) -> Repo | None:
        return await self._first(Repo, queries.INSERT_REPO, account_id, owner, name)

    async def get_repo(self, account_id: int, id: int) -> Repo | None:
        return await self._first(Repo, queries.GET_REPO, account_id, id)

    async def get_repo_by_owner_name(self, account_id: int, owner: str, name: str) -> Repo | None:
        return await self._first(Repo, queries.GET_REPO_BY_OWNER_NAME, account_id, owner, name)

    async def list_repos(self, account_id: int) -> list[RepoOverview]:
        return await self._pages(RepoOverview, queries.LIST_REPOS, account_id)

    async def delete_repo(self, account_id: int, id: int) -> int:
        return await self._run(queries.DELETE_REPO, account_id, id)

    async def update_repo_last_scan_at(self, id: int, last_scan_at: str) -> int:
        return await self._run(queries.UPDATE_REPO_LAST_SCAN_AT, id, last_scan_at)

    async def start_scan(
        self, account_id: int, owner: str, name: str, options: JsonObject, phase: str, due_at: str
    ) -> Scan | None:
        return await self._first(Scan, queries.START_SCAN, account_id, owner, name, options, phase, due_at)

    async def create_scan(self, account_id: int, repo_id: int) -> Scan | None:
        return await self._first(Scan, queries.CREATE_SCAN, account_id, repo_id)

    async def get_scan(self, account_id: int, id: int) -> Scan | None:
        return await self._first(Scan, queries.GET_SCAN, account_id, id)

    async def get_active_scan(self, account_id: int, repo_id: int) -> Scan | None:
        return await self._first(Scan, queries.GET_ACTIVE_SCAN, account_id, repo_id)

    async def get_latest_completed_scan(self, account_id: int, repo_id: int) -> Scan | None:
        return await self._first(Scan, queries.GET_LATEST_COMPLETED_SCAN, account_id, repo_id)

    async def update_scan_status(self, id: int, status: ScanStatus, changes: UpdateScanStatusChanges) -> int:
        return await self._run(queries.UPDATE_SCAN_STATUS, id, status, patch(changes))

    async def add_scan_tokens(self, id: int, input_tokens: int, output_tokens: int) -> int:
        return await self._run(queries.ADD_SCAN_TOKENS, id, input_tokens, output_tokens)

    async def fail_scan(self, id: int, error: str, completed_at: str) -> int:
        return await self._run(queries.FAIL_SCAN, id, error, completed_at)

    async def get_scan_message(self, scan_id: int, step: int) -> ScanMessage | None:
        return await self._first(ScanMessage, queries.GET_SCAN_MESSAGE, scan_id, step)

    async def begin_step(self, scan_id: int, step: int, now: str, at_once: str) -> ScanMessage | None:
        return await self._first(ScanMessage, queries.BEGIN_STEP, scan_id, step, now, at_once)

    async def put_off_step(self, scan_id: int, step: int, due_at: str, failing: Failing, note: str) -> int:
        return await self._run(queries.PUT_OFF_STEP, scan_id, step, due_at, failing, note)

    async def excuse_step(self, scan_id: int, step: int) -> int:
        return await self._run(queries.EXCUSE_STEP, scan_id, step)

    async def take_step(
        self,
        scan_id: int,
        next_step: int,
        next_phase: str | None,
        due_at: str,
        batch_id: str | None,
        batch_expires_at: str | None,
    ) -> None:
        await self._run(queries.TAKE_STEP, scan_id, next_step, next_phase, due_at, batch_id, batch_expires_at)

    async def mark_step_sent(self, scan_id: int, step: int, sent_at: str) -> int:
        return await self._run(queries.MARK_STEP_SENT, scan_id, step, sent_at)

    async def claim_submission(self, scan_id: int, step: int, submitting_at: str, stale_at: str | None) -> int:
        return await self._run(queries.CLAIM_SUBMISSION, scan_id, step, submitting_at, stale_at)

    async def forget_submission(self, scan_id: int, step: int) -> int:
        return await self._run(queries.FORGET_SUBMISSION, scan_id, step)

    async def mark_batch_ended(self, scan_id: int, step: int, ended_at: str) -> int:
        return await self._run(queries.MARK_BATCH_ENDED, scan_id, step, ended_at)

    async def list_stalled_steps(self, unsent_before: str, sent_before: str, limit: int) -> list[ScanStep]:
        return await self._list(ScanStep, queries.LIST_STALLED_STEPS, unsent_before, sent_before, limit)

    async def upsert_pr(self, repo_id: int, pr: PRInput) -> PR:
        return await self._one(PR, queries.UPSERT_PR, repo_id, pr)

    async def upsert_prs(self, repo_id: int, prs: Sequence[PRInput]) -> int:
        return await self._run(queries.UPSERT_PRS, repo_id, prs)

    async def get_pr(self, account_id: int, id: int) -> PR | None:
        return await self._first(PR, queries.GET_PR, account_id, id)

    async def get_pr_by_number(self, account_id: int, repo_id: int, number: int) -> PR | None:
        return await self._first(PR, queries.GET_PR_BY_NUMBER, account_id, repo_id, number)

    async def get_prs_by_ids(self, account_id: int, ids: Sequence[int]) -> list[PR]:
        return await self._list(PR, queries.GET_PRS_BY_IDS, account_id, ids)

    async def get_prs_by_numbers(self, account_id: int, repo_id: int, numbers: Sequence[int]) -> list[PR]:
        return await self._list(PR, queries.GET_PRS_BY_NUMBERS, account_id, repo_id, numbers)

    async def list_open_prs(self, account_id: int, repo_id: int) -> list[PR]:
        return await self._pages(PR, queries.LIST_OPEN_PRS, account_id, repo_id)

    async def count_prs(self, account_id: int, repo_id: int) -> int:
        return await self._value(int, queries.COUNT_PRS, account_id, repo_id)

    async def count_open_prs(self, account_id: int, repo_id: int) -> int:
        return await self._value(int, queries.COUNT_OPEN_PRS, account_id, repo_id)

    async def update_pr_etag(self, id: int, github_etag: str | None) -> int:
        return await self._run(queries.UPDATE_PR_ETAG, id, github_etag)

    async def update_pr_embed_hash(self, id: int, embed_hash: str | None) -> int:
        return await self._run(queries.UPDATE_PR_EMBED_HASH, id, embed_hash)

    async def insert_dupe_group(self, scan_id: int, repo_id: int, label: str | None, pr_count: int) -> DupeGroup:
        return await self._one(DupeGroup, queries.INSERT_DUPE_GROUP, scan_id, repo_id, label, pr_count)

    async def insert_dupe_group_member(
        self, group_id: int, pr_id: int, rank: int, score: float, rationale: str | None
    ) -> DupeGroupMember:
        return await self._one(
            DupeGroupMember, queries.INSERT_DUPE_GROUP_MEMBER, group_id, pr_id, rank, score, rationale
        )

    async def list_dupe_groups(self, account_id: int, scan_id: int) -> list[DupeGroup]:
        return await self._list(DupeGroup, queries.LIST_DUPE_GROUPS, account_id, scan_id)

    async def list_dupe_group_members(self, account_id: int, group_id: int) -> list[DupeGroupMember]:
        return await self._list(DupeGroupMember, queries.LIST_DUPE_GROUP_MEMBERS, account_id, group_id)

    async def find_dupe_groups_by_pr(self, account_id: int, scan_id: int, pr_id: int) -> list[DupeGroup]:
        return await self._list(DupeGroup, queries.FIND_DUPE_GROUPS_BY_PR, account_id, scan_id, pr_id)

    async def list_dupes(self, account_id: int, owner: str, name: str) -> list[DupeRow]:
        return await self._list(DupeRow, queries.LIST_DUPES, account_id, owner, name)

    async def list_review(self, account_id: int, owner: str, name: str, number: int) -> list[ReviewRow]:
        return await self._list(ReviewRow, queries.LIST_REVIEW, account_id, owner, name, number)

    async def delete_dupe_groups_by_scan(self, scan_id: int) -> int:
        return await self._run(queries.DELETE_DUPE_GROUPS_BY_SCAN, scan_id)

    async def insert_listed_prs(self, scan_id: int, repo_id: int, full: bool, prs: Sequence[ListedPR]) -> int:
        return await self._run(queries.INSERT_LISTED_PRS, scan_id, repo_id, full, prs)

    async def count_listed_prs(self, scan_id: int) -> ListedCounts:
        return await self._one(ListedCounts, queries.COUNT_LISTED_PRS, scan_id)

    async def list_pending_prs(self, scan_id: int, repo_id: int, after_number: int, limit: int) -> list[PendingPR]:
        return await self._list(PendingPR, queries.LIST_PENDING_PRS, scan_id, repo_id, after_number, limit)

    async def mark_prs_read(self, scan_id: int, numbers: Sequence[int]) -> int:
        return await self._run(queries.MARK_PRS_READ, scan_id, numbers)

    async def list_unlisted_prs(self, scan_id: int, repo_id: int, after_number: int, limit: int) -> list[int]:
        return await self._values(int, queries.LIST_UNLISTED_PRS, scan_id, repo_id, after_number, limit)

    async def close_prs(self, repo_id: int, states: Sequence[PRStateChange]) -> int:
        return await self._run(queries.CLOSE_PRS, repo_id, states)

    async def list_open_prs_after(self, account_id: int, repo_id: int, after_number: int, limit: int) -> list[PR]:
        return await self._list(PR, queries.LIST_OPEN_PRS_AFTER, account_id, repo_id, after_number, limit)

    async def update_pr_embed_hashes(self, hashes: Sequence[EmbedHash]) -> int:
        return await self._run(queries.UPDATE_PR_EMBED_HASHES, hashes)

    async def list_open_pr_keys(self, account_id: int, repo_id: int, after_number: int, limit: int) -> list[PRKey]:
        return await self._list(PRKey, queries.LIST_OPEN_PR_KEYS, account_id, repo_id, after_number, limit)

    async def insert_neighbour_edges(self, scan_id: int, edges: Sequence[NeighbourEdge]) -> int:
        return await self._run(queries.INSERT_NEIGHBOUR_EDGES, scan_id, edges)

    async def list_neighbours(self, scan_id: int) -> list[NeighbourList]:
        return await self._pages(NeighbourList, queries.LIST_NEIGHBOURS, scan_id)

    async def insert_candidate_groups(self, scan_id: int, stage: str, groups: Sequence[CandidateInput]) -> int:
        return await self._run(queries.INSERT_CANDIDATE_GROUPS, scan_id, stage, groups)

    async def list_candidate_groups(
        self, scan_id: int, stage: str, after_position: int, limit: int
    ) -> list[CandidateGroup]:
        return await self._list(CandidateGroup, queries.LIST_CANDIDATE_GROUPS, scan_id, stage, after_position, limit)

    async def count_candidate_groups(self, scan_id: int, stage: str) -> int:
        return await self._value(int, queries.COUNT_CANDIDATE_GROUPS, scan_id, stage)

    async def record_group_error(self, scan_id: int, stage: str, position: int, error: str) -> int:
        return await self._run(queries.RECORD_GROUP_ERROR, scan_id, stage, position, error)

    async def insert_batch_answers(self, scan_id: int, phase: str, answers: Sequence[BatchAnswerInput]) -> int:
        return await self._run(queries.INSERT_BATCH_ANSWERS, scan_id, phase, answers)

    async def list_batch_answers(self, scan_id: int, phase: str, first: int, last: int) -> list[BatchAnswer]:
        return await self._list(BatchAnswer, queries.LIST_BATCH_ANSWERS, scan_id, phase, first, last)

    async def insert_ranked_group(
        self, scan_id: int, repo_id: int, label: str | None, members: Sequence[RankedMember]
    ) -> int:
        return await self._run(queries.INSERT_RANKED_GROUP, scan_id, repo_id, label, members)

    async def count_dupe_groups(self, scan_id: int) -> int:
        return await self._value(int, queries.COUNT_DUPE_GROUPS, scan_id)

    async def clear_scratch(self, repo_id: int) -> int:
        return await self._run(queries.CLEAR_SCRATCH, repo_id)

    async def list_vector_purges(self, after_id: int, limit: int) -> list[VectorPurge]:
        return await self._list(VectorPurge, queries.LIST_VECTOR_PURGES, after_id, limit)

    async def mark_vector_purges(self, ids: Sequence[int], begin: bool) -> int:
        return await self._run(queries.MARK_VECTOR_PURGES, ids, begin)

    async def delete_vector_purges(self, ids: Sequence[int]) -> int:
        return await self._run(queries.DELETE_VECTOR_PURGES, ids)

    async def clear_scans(self, account_id: int) -> int:
        return await self._run(queries.CLEAR_SCANS, account_id)

    async def clear_repos(self, account_id: int) -> int:
        return await self._run(queries.CLEAR_REPOS, account_id)

    async def reset_all(self, account_id: int) -> int:
        return await self._run(queries.RESET_ALL, account_id)

    async def insert_job(self, id: str, type: str, payload: JsonObject, max_retries: int, run_after: str | None) -> int:
        return await self._run(queries.INSERT_JOB, id, type, payload, max_retries, run_after)

    async def get_job(self, id: str) -> Job | None:
        return await self._first(Job, queries.GET_JOB, id)

    async def claim_job(self, now: str, per_account: int, served: Sequence[int]) -> Job | None:
        return await self._first(Job, queries.CLAIM_JOB, now, per_account, served)

    async def get_job_account(self, id: str) -> int | None:
        return await self._first_value(int, queries.GET_JOB_ACCOUNT, id)

    async def complete_job(self, id: str, result: JsonObject | None) -> int:
        return await self._run(queries.COMPLETE_JOB, id, result)

    async def retry_job(self, id: str, error: str, run_after: str) -> int:
        return await self._run(queries.RETRY_JOB, id, error, run_after)

    async def fail_job(self, id: str, error: str) -> int:
        return await self._run(queries.FAIL_JOB, id, error)

    async def pause_job(self, id: str, run_after: str) -> int:
        return await self._run(queries.PAUSE_JOB, id, run_after)

    async def recover_running_jobs(self) -> int:
        return await self._run(queries.RECOVER_RUNNING_JOBS)

    async def next_job_at(self, now: str) -> str | None:
        return await self._first_value(str, queries.NEXT_JOB_AT, now)

    async def start_batch_poll(
        self, name: str, batch_id: str, scan_id: int, step: int, phase: str, next_poll_at: str
    ) -> int:
        return await self._run(queries.START_BATCH_POLL, name, batch_id, scan_id, step, phase, next_poll_at)

    async def get_batch_poll(self, name: str) -> BatchPoll | None:
        return await self._first(BatchPoll, queries.GET_BATCH_POLL, name)

    async def save_batch_poll(
        self, name: str, batch_id: str, step: int, polls: int, begun: int, errors: int, ended: bool, next_poll_at: str
    ) -> int:
        return await self._run(queries.SAVE_BATCH_POLL, name, batch_id, step, polls, begun, errors, ended, next_poll_at)

    async def delete_batch_poll(self, name: str, batch_id: str, step: int) -> int:
        return await self._run(queries.DELETE_BATCH_POLL, name, batch_id, step)

    async def list_batch_polls(self, limit: int) -> list[DueBatchPoll]:
        return await self._list(DueBatchPoll, queries.LIST_BATCH_POLLS, limit)
