"""The database port: every question that the core asks, as each host answers it."""

from collections.abc import Sequence
from typing import Protocol

from ossgard.model import JsonObject
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
from ossgard.write import Write


class Database(Protocol):
    """The stored accounts, repositories, pull requests, scans and groups.

    Methods raise ConstraintError when a constraint refuses a write, and DatabaseError when the database fails
    otherwise.
    """

    async def batch(self, writes: Sequence[Write]) -> None:
        """Commit writes in order as one transaction: all of them or none."""
        ...

    async def create_account(self, api_key_hash: str, label: str | None, config: JsonObject) -> Account:
        """Store a new account under the SHA-256 (hex) of its API key."""
        ...

    async def get_account_by_api_key(self, api_key_hash: str) -> Account | None:
        """The account whose API key has this SHA-256 (hex)."""
        ...

    async def get_account(self, account_id: int) -> Account | None:
        """The account itself."""
        ...

    async def update_account_config(
        self, account_id: int, config: JsonObject, changes: UpdateAccountConfigChanges
    ) -> int:
        """Replace the account's configuration; the label only when the patch holds one."""
        ...

    async def clear_embed_hashes(self, account_id: int) -> int:
        """Forget which pull requests are embedded, since their vectors no longer fit the account's configuration."""
        ...

    async def clear_repo_embed_hashes(self, account_id: int, repo_id: int) -> int:
        """Forget which pull requests of a repository are embedded, so that all of them will be."""
        ...

    async def clear_all_embed_hashes(self) -> int:
        """Forget every account's embed hashes, since a shared collection had to be recreated."""
        ...

    async def insert_repo(self, account_id: int, owner: str, name: str) -> Repo | None:
        """Track a repository; null when it is tracked already."""
        ...

    async def get_repo(self, account_id: int, id: int) -> Repo | None:
        """A tracked repository by id."""
        ...

    async def get_repo_by_owner_name(self, account_id: int, owner: str, name: str) -> Repo | None:
        """A tracked repository by owner and name."""
        ...

    async def list_repos(self, account_id: int) -> list[RepoOverview]:
        """The account's repositories with their pull request counts and active scans, ordered by id."""
        ...

    async def delete_repo(self, account_id: int, id: int) -> int:
        """Stop tracking a repository, and delete its pull requests, scans, groups and vectors."""
        ...

    async def update_repo_last_scan_at(self, id: int, last_scan_at: str) -> int:
        """Record when the last completed scan of a repository ended."""
        ...

    async def start_scan(
        self, account_id: int, owner: str, name: str, options: JsonObject, phase: str, due_at: str
    ) -> Scan | None:
        """Track the repository if it is new, create a scan and put its first message into the outbox.

        Null when a scan of the repository is already active.
        """
        ...

    async def create_scan(self, account_id: int, repo_id: int) -> Scan | None:
        """Create a scan of a tracked repository; null when one is active or the repository is not the account's."""
        ...

    async def get_scan(self, account_id: int, id: int) -> Scan | None:
        """A scan by id."""
        ...

    async def get_active_scan(self, account_id: int, repo_id: int) -> Scan | None:
        """The scan of a repository that has neither completed nor failed."""
        ...

    async def get_latest_completed_scan(self, account_id: int, repo_id: int) -> Scan | None:
        """The newest completed scan of a repository."""
        ...

    async def update_scan_status(self, id: int, status: ScanStatus, changes: UpdateScanStatusChanges) -> int:
        """Set a scan's status and whatever else the patch holds."""
        ...

    async def add_scan_tokens(self, id: int, input_tokens: int, output_tokens: int) -> int:
        """Add the tokens that a slice used to the scan's counts."""
        ...

    async def fail_scan(self, id: int, error: str, completed_at: str) -> int:
        """Mark a scan failed unless it has ended already."""
        ...

    async def get_scan_message(self, scan_id: int, step: int) -> ScanMessage | None:
        """Message `step` of a scan with what the runner needs to handle it; null when there is no such message."""
        ...

    async def begin_step(self, scan_id: int, step: int, now: str, at_once: str) -> ScanMessage | None:
        """Count an attempt at a step before its work begins, and read the message as `getScanMessage` does.

        Nothing is counted when the step is taken already or not due yet, when the scan has ended, or when an
        attempt has begun
        after `at_once`: that is another delivery, and not dead, or this very call, sent twice.
        """
        ...

    async def put_off_step(self, scan_id: int, step: int, due_at: str, failing: Failing, note: str) -> int:
        """Put a step off until `due_at` after an error that may pass, its message back into the outbox, and tell the
        scan's user.

        The attempt has told an error, so it no longer counts as one of which nothing was heard. A message that
        waited for a
        provider's batch has got what it waited for. No row changes when the step is taken already or the scan has
        ended.
        """
        ...

    async def excuse_step(self, scan_id: int, step: int) -> int:
        """Uncount an attempt at a step that was broken off through no fault of its own."""
        ...

    async def take_step(
        self,
        scan_id: int,
        next_step: int,
        next_phase: str | None,
        due_at: str,
        batch_id: str | None,
        batch_expires_at: str | None,
    ) -> None:
        """Commit that a step's work is done, by inserting the message that follows it; always the first write of a
        batch.

        The message may wait for a provider's batch. Fails, and with it the batch of writes, when the step is
        taken already or
        the scan has ended or is gone.
        """
        ...

    async def mark_step_sent(self, scan_id: int, step: int, sent_at: str) -> int:
        """Record that a message has left the outbox."""
        ...

    async def claim_submission(self, scan_id: int, step: int, submitting_at: str, stale_at: str | None) -> int:
        """Begin to submit the batch of a step, if no attempt at it has before, or with `stale_at` if none has after
        that.

        No row changes when another attempt may be at it.
        """
        ...

    async def forget_submission(self, scan_id: int, step: int) -> int:
        """Record that no batch of a step has been submitted, since the provider has refused it."""
        ...

    async def mark_batch_ended(self, scan_id: int, step: int, ended_at: str) -> int:
        """Record when the batch that a message waited for ended; from then on, the message is to be answered."""
        ...

    async def list_stalled_steps(self, unsent_before: str, sent_before: str, limit: int) -> list[ScanStep]:
        """The last message of each active scan that is due and unsent since :unsent_before, or unanswered since
        :sent_before.

        One that waits for a batch is due when the batch has ended or expired. The oldest first, `limit` at most.
        """
        ...

    async def upsert_pr(self, repo_id: int, pr: PRInput) -> PR:
        """Store a pull request, or replace what is stored under its number; its embed hash stays."""
        ...

    async def upsert_prs(self, repo_id: int, prs: Sequence[PRInput]) -> int:
        """Store many pull requests at once, as `upsertPR` does."""
        ...

    async def get_pr(self, account_id: int, id: int) -> PR | None:
        """A pull request by id."""
        ...

    async def get_pr_by_number(self, account_id: int, repo_id: int, number: int) -> PR | None:
        """A pull request by its number in a repository."""
        ...

    async def get_prs_by_ids(self, account_id: int, ids: Sequence[int]) -> list[PR]:
        """The pull requests with these ids, ordered by id; unknown ids are left out."""
        ...

    async def get_prs_by_numbers(self, account_id: int, repo_id: int, numbers: Sequence[int]) -> list[PR]:
        """The pull requests of a repository with these numbers, ordered by number; unknown numbers are left out."""
        ...

    async def list_open_prs(self, account_id: int, repo_id: int) -> list[PR]:
        """The open pull requests of a repository, ordered by number."""
        ...

    async def count_prs(self, account_id: int, repo_id: int) -> int:
        """The number of stored pull requests of a repository."""
        ...

    async def count_open_prs(self, account_id: int, repo_id: int) -> int:
        """The number of open pull requests of a repository."""
        ...

    async def update_pr_etag(self, id: int, github_etag: str | None) -> int:
        """Store the ETag of a pull request's diff."""
        ...

    async def update_pr_embed_hash(self, id: int, embed_hash: str | None) -> int:
        """Record which content of a pull request is embedded."""
        ...

    async def insert_dupe_group(self, scan_id: int, repo_id: int, label: str | None, pr_count: int) -> DupeGroup:
        """Store a group of duplicates."""
        ...

    async def insert_dupe_group_member(
        self, group_id: int, pr_id: int, rank: int, score: float, rationale: str | None
    ) -> DupeGroupMember:
        """Store a member of a group."""
        ...

    async def list_dupe_groups(self, account_id: int, scan_id: int) -> list[DupeGroup]:
        """The groups of a scan, ordered by id."""
        ...

    async def list_dupe_group_members(self, account_id: int, group_id: int) -> list[DupeGroupMember]:
        """The members of a group, best first."""
        ...

    async def find_dupe_groups_by_pr(self, account_id: int, scan_id: int, pr_id: int) -> list[DupeGroup]:
        """The groups of a scan that hold a pull request, ordered by id."""
        ...

    async def list_dupes(self, account_id: int, owner: str, name: str) -> list[DupeRow]:
        """The latest completed scan of a repository with its groups and their members, in one list of rows.

        No row when the repository is not tracked; one row with nulls when it has no completed scan or no groups.
        """
        ...

    async def list_review(self, account_id: int, owner: str, name: str, number: int) -> list[ReviewRow]:
        """A pull request with the groups of the latest completed scan that it is in, in one list of rows.

        No row when the repository is not tracked.
        """
        ...

    async def delete_dupe_groups_by_scan(self, scan_id: int) -> int:
        """Delete the groups of a scan, so that a later attempt replaces them."""
        ...

    async def insert_listed_prs(self, scan_id: int, repo_id: int, full: bool, prs: Sequence[ListedPR]) -> int:
        """Record a page of the listing; `pending` are those that are new, changed or reopened, or all of them when
        `full`.

        One that is listed already stays as it is.
        """
        ...

    async def count_listed_prs(self, scan_id: int) -> ListedCounts:
        """How many pull requests a scan has listed, and how many of them are still to be read."""
        ...

    async def list_pending_prs(self, scan_id: int, repo_id: int, after_number: int, limit: int) -> list[PendingPR]:
        """The listed pull requests that are still to be read, with a larger number than `after_number`, by number."""
        ...

    async def mark_prs_read(self, scan_id: int, numbers: Sequence[int]) -> int:
        """Record that the files and diffs of listed pull requests have been read."""
        ...

    async def list_unlisted_prs(self, scan_id: int, repo_id: int, after_number: int, limit: int) -> list[int]:
        """The numbers above `after_number` of the open pull requests that are stored but not listed, in order."""
        ...

    async def close_prs(self, repo_id: int, states: Sequence[PRStateChange]) -> int:
        """Set the states of pull requests that are no longer open, and have their vectors deleted."""
        ...

    async def list_open_prs_after(self, account_id: int, repo_id: int, after_number: int, limit: int) -> list[PR]:
        """The open pull requests with a larger number than `after_number`, by number."""
        ...

    async def update_pr_embed_hashes(self, hashes: Sequence[EmbedHash]) -> int:
        """Record which content of pull requests is embedded; vectors that are new must not be purged."""
        ...

    async def list_open_pr_keys(self, account_id: int, repo_id: int, after_number: int, limit: int) -> list[PRKey]:
        """The ids, numbers and diff hashes of the open pull requests with a larger number than `after_number`, by
        number.
        """
        ...

    async def insert_neighbour_edges(self, scan_id: int, edges: Sequence[NeighbourEdge]) -> int:
        """Store pairs of near pull requests; a pair found from both ends is stored once."""
        ...

    async def list_neighbours(self, scan_id: int) -> list[NeighbourList]:
        """Every pair of near pull requests of a scan, by the smaller id."""
        ...

    async def insert_candidate_groups(self, scan_id: int, stage: str, groups: Sequence[CandidateInput]) -> int:
        """Store groups of a stage (`candidate` or `verified`); one that is stored at a position is replaced."""
        ...

    async def list_candidate_groups(
        self, scan_id: int, stage: str, after_position: int, limit: int
    ) -> list[CandidateGroup]:
        """The groups of a stage with a larger position than `after_position`, in order."""
        ...

    async def count_candidate_groups(self, scan_id: int, stage: str) -> int:
        """The number of groups of a stage."""
        ...

    async def record_group_error(self, scan_id: int, stage: str, position: int, error: str) -> int:
        """Record why a group was skipped."""
        ...

    async def insert_batch_answers(self, scan_id: int, phase: str, answers: Sequence[BatchAnswerInput]) -> int:
        """Store what a chat model answered in a batch; an answer that is stored for a position is replaced.

        Nothing is stored for a scan that is gone.
        """
        ...

    async def list_batch_answers(self, scan_id: int, phase: str, first: int, last: int) -> list[BatchAnswer]:
        """The answers from `first` to `last` position that a phase has got in batches, by position."""
        ...

    async def insert_ranked_group(
        self, scan_id: int, repo_id: int, label: str | None, members: Sequence[RankedMember]
    ) -> int:
        """Store a group of duplicates with its ranked members; members that are no longer stored are left out."""
        ...

    async def count_dupe_groups(self, scan_id: int) -> int:
        """The number of groups that a scan has stored."""
        ...

    async def clear_scratch(self, repo_id: int) -> int:
        """Delete what the phases of a repository's scans handed to each other; why groups were skipped stays."""
        ...

    async def list_vector_purges(self, after_id: int, limit: int) -> list[VectorPurge]:
        """Pull requests whose vectors are to be deleted, those with a larger id than `after_id`, by id."""
        ...

    async def mark_vector_purges(self, ids: Sequence[int], begin: bool) -> int:
        """Count an attempt at purges before its work begins, or forget the attempts of which something was heard."""
        ...

    async def delete_vector_purges(self, ids: Sequence[int]) -> int:
        """Forget purges that are done."""
        ...

    async def clear_scans(self, account_id: int) -> int:
        """Delete the account's scans with their groups; its repositories and pull requests stay."""
        ...

    async def clear_repos(self, account_id: int) -> int:
        """Delete the account's repositories with all that belongs to them."""
        ...

    async def reset_all(self, account_id: int) -> int:
        """Delete the account with all that belongs to it."""
        ...

    async def insert_job(self, id: str, type: str, payload: JsonObject, max_retries: int, run_after: str | None) -> int:
        """Put a job into the local queue; under an id that is there, only a job that has ended is queued again."""
        ...

    async def get_job(self, id: str) -> Job | None:
        """A job of the local queue."""
        ...

    async def claim_job(self, now: str, per_account: int, served: Sequence[int]) -> Job | None:
        """Take a job that is due, atomically, and count the attempt.

        A scan has one job running at most, and an account `per_account`. Of the accounts that have one waiting,
        the one
        goes first that was served the longest ago: `served` lists them, the last served last. Of an account's
        jobs, the
        oldest goes first.
        """
        ...

    async def get_job_account(self, id: str) -> int | None:
        """The account whose scan a job works for; null when it works for none."""
        ...

    async def complete_job(self, id: str, result: JsonObject | None) -> int:
        """Mark a job done."""
        ...

    async def retry_job(self, id: str, error: str, run_after: str) -> int:
        """Put a job back into the queue after a failed attempt."""
        ...

    async def fail_job(self, id: str, error: str) -> int:
        """Mark a job failed for good."""
        ...

    async def pause_job(self, id: str, run_after: str) -> int:
        """Set a job aside without counting the attempt, to go on at `run_after`."""
        ...

    async def recover_running_jobs(self) -> int:
        """Put the jobs that were running when the process ended back into the queue."""
        ...

    async def next_job_at(self, now: str) -> str | None:
        """When the next of the queued jobs becomes due that are not due yet; null when there is none."""
        ...

    async def start_batch_poll(
        self, name: str, batch_id: str, scan_id: int, step: int, phase: str, next_poll_at: str
    ) -> int:
        """Begin to poll a batch under a name; for the batch that is being polled, only the step is replaced by a
        later one.

        No row changes when another batch is being polled under the name.
        """
        ...

    async def get_batch_poll(self, name: str) -> BatchPoll | None:
        """What a poller has kept."""
        ...

    async def save_batch_poll(
        self, name: str, batch_id: str, step: int, polls: int, begun: int, errors: int, ended: bool, next_poll_at: str
    ) -> int:
        """Keep how a poller has got on, unless it has been started for another batch, or for a later message."""
        ...

    async def delete_batch_poll(self, name: str, batch_id: str, step: int) -> int:
        """Forget a poller, unless it has been started for another batch, or for a later message."""
        ...

    async def list_batch_polls(self, limit: int) -> list[DueBatchPoll]:
        """The pollers that are to poll next, the first ones first."""
        ...


class AccountDatabase:
    """A database as one account sees it: only the methods that stay inside the account."""

    def __init__(self, database: Database, account_id: int) -> None:
        self._database = database
        self.account_id = account_id

    async def get_account(self) -> Account | None:
        """The account itself."""
        return await self._database.get_account(self.account_id)

    async def update_account_config(self, config: JsonObject, changes: UpdateAccountConfigChanges) -> int:
        """Replace the account's configuration; the label only when the patch holds one."""
        return await self._database.update_account_config(self.account_id, config, changes)

    async def clear_embed_hashes(self) -> int:
        """Forget which pull requests are embedded, since their vectors no longer fit the account's configuration."""
        return await self._database.clear_embed_hashes(self.account_id)

    async def clear_repo_embed_hashes(self, repo_id: int) -> int:
        """Forget which pull requests of a repository are embedded, so that all of them will be."""
        return await self._database.clear_repo_embed_hashes(self.account_id, repo_id)

    async def insert_repo(self, owner: str, name: str) -> Repo | None:
        """Track a repository; null when it is tracked already."""
        return await self._database.insert_repo(self.account_id, owner, name)

    async def get_repo(self, id: int) -> Repo | None:
        """A tracked repository by id."""
        return await self._database.get_repo(self.account_id, id)

    async def get_repo_by_owner_name(self, owner: str, name: str) -> Repo | None:
        """A tracked repository by owner and name."""
        return await self._database.get_repo_by_owner_name(self.account_id, owner, name)

    async def list_repos(self) -> list[RepoOverview]:
        """The account's repositories with their pull request counts and active scans, ordered by id."""
        return await self._database.list_repos(self.account_id)

    async def delete_repo(self, id: int) -> int:
        """Stop tracking a repository, and delete its pull requests, scans, groups and vectors."""
        return await self._database.delete_repo(self.account_id, id)

    async def start_scan(self, owner: str, name: str, options: JsonObject, phase: str, due_at: str) -> Scan | None:
        """Track the repository if it is new, create a scan and put its first message into the outbox.

        Null when a scan of the repository is already active.
        """
        return await self._database.start_scan(self.account_id, owner, name, options, phase, due_at)

    async def create_scan(self, repo_id: int) -> Scan | None:
        """Create a scan of a tracked repository; null when one is active or the repository is not the account's."""
        return await self._database.create_scan(self.account_id, repo_id)

    async def get_scan(self, id: int) -> Scan | None:
        """A scan by id."""
        return await self._database.get_scan(self.account_id, id)

    async def get_active_scan(self, repo_id: int) -> Scan | None:
        """The scan of a repository that has neither completed nor failed."""
        return await self._database.get_active_scan(self.account_id, repo_id)

    async def get_latest_completed_scan(self, repo_id: int) -> Scan | None:
        """The newest completed scan of a repository."""
        return await self._database.get_latest_completed_scan(self.account_id, repo_id)

    async def get_pr(self, id: int) -> PR | None:
        """A pull request by id."""
        return await self._database.get_pr(self.account_id, id)

    async def get_pr_by_number(self, repo_id: int, number: int) -> PR | None:
        """A pull request by its number in a repository."""
        return await self._database.get_pr_by_number(self.account_id, repo_id, number)

    async def get_prs_by_ids(self, ids: Sequence[int]) -> list[PR]:
        """The pull requests with these ids, ordered by id; unknown ids are left out."""
        return await self._database.get_prs_by_ids(self.account_id, ids)

    async def get_prs_by_numbers(self, repo_id: int, numbers: Sequence[int]) -> list[PR]:
        """The pull requests of a repository with these numbers, ordered by number; unknown numbers are left out."""
        return await self._database.get_prs_by_numbers(self.account_id, repo_id, numbers)

    async def list_open_prs(self, repo_id: int) -> list[PR]:
        """The open pull requests of a repository, ordered by number."""
        return await self._database.list_open_prs(self.account_id, repo_id)

    async def count_prs(self, repo_id: int) -> int:
        """The number of stored pull requests of a repository."""
        return await self._database.count_prs(self.account_id, repo_id)

    async def count_open_prs(self, repo_id: int) -> int:
        """The number of open pull requests of a repository."""
        return await self._database.count_open_prs(self.account_id, repo_id)

    async def list_dupe_groups(self, scan_id: int) -> list[DupeGroup]:
        """The groups of a scan, ordered by id."""
        return await self._database.list_dupe_groups(self.account_id, scan_id)

    async def list_dupe_group_members(self, group_id: int) -> list[DupeGroupMember]:
        """The members of a group, best first."""
        return await self._database.list_dupe_group_members(self.account_id, group_id)

    async def find_dupe_groups_by_pr(self, scan_id: int, pr_id: int) -> list[DupeGroup]:
        """The groups of a scan that hold a pull request, ordered by id."""
        return await self._database.find_dupe_groups_by_pr(self.account_id, scan_id, pr_id)

    async def list_dupes(self, owner: str, name: str) -> list[DupeRow]:
        """The latest completed scan of a repository with its groups and their members, in one list of rows.

        No row when the repository is not tracked; one row with nulls when it has no completed scan or no groups.
        """
        return await self._database.list_dupes(self.account_id, owner, name)

    async def list_review(self, owner: str, name: str, number: int) -> list[ReviewRow]:
        """A pull request with the groups of the latest completed scan that it is in, in one list of rows.

        No row when the repository is not tracked.
        """
        return await self._database.list_review(self.account_id, owner, name, number)

    async def list_open_prs_after(self, repo_id: int, after_number: int, limit: int) -> list[PR]:
        """The open pull requests with a larger number than `after_number`, by number."""
        return await self._database.list_open_prs_after(self.account_id, repo_id, after_number, limit)

    async def list_open_pr_keys(self, repo_id: int, after_number: int, limit: int) -> list[PRKey]:
        """The ids, numbers and diff hashes of the open pull requests with a larger number than `after_number`, by
        number.
        """
        return await self._database.list_open_pr_keys(self.account_id, repo_id, after_number, limit)

    async def clear_scans(self) -> int:
        """Delete the account's scans with their groups; its repositories and pull requests stay."""
        return await self._database.clear_scans(self.account_id)

    async def clear_repos(self) -> int:
        """Delete the account's repositories with all that belongs to them."""
        return await self._database.clear_repos(self.account_id)

    async def reset_all(self) -> int:
        """Delete the account with all that belongs to it."""
        return await self._database.reset_all(self.account_id)
