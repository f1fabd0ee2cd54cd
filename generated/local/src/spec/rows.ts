/** Reads the rows of SQL results into entities. */

import type {
  Account,
  BatchAnswer,
  BatchPoll,
  CandidateGroup,
  DueBatchPoll,
  DupeGroup,
  DupeGroupMember,
  DupeRow,
  Job,
  ListedCounts,
  NeighbourList,
  PendingPR,
  PR,
  PRKey,
  Repo,
  RepoOverview,
  ReviewRow,
  Scan,
  ScanMessage,
  ScanStep,
  VectorPurge,
} from "./types.ts";

/** A row as SQLite returns it, by column name. */
// biome-ignore lint/suspicious/noExplicitAny: the spec's checks compare every column with its entity's type
export type Row = Record<string, any>;

function json<T>(text: string): T {
  return JSON.parse(text) as T;
}

function optionalJson<T>(text: string | null): T | null {
  return text === null ? null : (JSON.parse(text) as T);
}

function flag(value: number): boolean {
  return value !== 0;
}

export function toAccount(row: Row): Account {
  return {
    id: row.id,
    label: row.label,
    config: json(row.config),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

export function toRepo(row: Row): Repo {
  return {
    id: row.id,
    owner: row.owner,
    name: row.name,
    lastScanAt: row.last_scan_at,
    createdAt: row.created_at,
  };
}

export function toRepoOverview(row: Row): RepoOverview {
  return {
    id: row.id,
    owner: row.owner,
    name: row.name,
    lastScanAt: row.last_scan_at,
    createdAt: row.created_at,
    prCount: row.pr_count,
    activeScanStatus: row.active_scan_status,
    activeScanPrCount: row.active_scan_pr_count,
    activeScanDupeGroupCount: row.active_scan_dupe_group_count,
  };
}

export function toPR(row: Row): PR {
  return {
    id: row.id,
    repoId: row.repo_id,
    number: row.number,
    title: row.title,
    body: row.body,
    author: row.author,
    diffHash: row.diff_hash,
    filePaths: json(row.file_paths),
    state: row.state,
    githubEtag: row.github_etag,
    embedHash: row.embed_hash,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

export function toScan(row: Row): Scan {
  return {
    id: row.id,
    repoId: row.repo_id,
    status: row.status,
    phaseCursor: optionalJson(row.phase_cursor),
    prCount: row.pr_count,
    dupeGroupCount: row.dupe_group_count,
    inputTokens: row.input_tokens,
    outputTokens: row.output_tokens,
    startedAt: row.started_at,
    completedAt: row.completed_at,
    error: row.error,
    progress: optionalJson(row.progress),
  };
}

export function toDupeGroup(row: Row): DupeGroup {
  return {
    id: row.id,
    scanId: row.scan_id,
    repoId: row.repo_id,
    label: row.label,
    prCount: row.pr_count,
  };
}

export function toDupeGroupMember(row: Row): DupeGroupMember {
  return {
    id: row.id,
    groupId: row.group_id,
    prId: row.pr_id,
    rank: row.rank,
    score: row.score,
    rationale: row.rationale,
  };
}

export function toDupeRow(row: Row): DupeRow {
  return {
    repoId: row.repo_id,
    scanId: row.scan_id,
    completedAt: row.completed_at,
    groupId: row.group_id,
    label: row.label,
    prCount: row.pr_count,
    prId: row.pr_id,
    prNumber: row.pr_number,
    title: row.title,
    author: row.author,
    state: row.state,
    rank: row.rank,
    score: row.score,
    rationale: row.rationale,
  };
}

export function toReviewRow(row: Row): ReviewRow {
  return {
    repoId: row.repo_id,
    scanId: row.scan_id,
    thisId: row.this_id,
    thisTitle: row.this_title,
    thisAuthor: row.this_author,
    thisState: row.this_state,
    thisEmbedHash: row.this_embed_hash,
    groupId: row.group_id,
    label: row.label,
    prCount: row.pr_count,
    prId: row.pr_id,
    prNumber: row.pr_number,
    title: row.title,
    author: row.author,
    state: row.state,
    rank: row.rank,
    score: row.score,
    rationale: row.rationale,
  };
}

export function toScanMessage(row: Row): ScanMessage {
  return {
    scanId: row.scan_id,
    step: row.step,
    phase: row.phase,
    dueAt: row.due_at,
    begun: row.begun,
    failing: optionalJson(row.failing),
    status: row.status,
    phaseCursor: optionalJson(row.phase_cursor),
    repoId: row.repo_id,
    accountId: row.account_id,
    owner: row.owner,
    name: row.name,
    config: json(row.config),
    nextStep: row.next_step,
    nextPhase: row.next_phase,
    nextDueAt: row.next_due_at,
    nextSentAt: row.next_sent_at,
    nextBatchId: row.next_batch_id,
  };
}

export function toScanStep(row: Row): ScanStep {
  return {
    scanId: row.scan_id,
    step: row.step,
    phase: row.phase,
    dueAt: row.due_at,
    sentAt: row.sent_at,
    batchId: row.batch_id,
    batchExpiresAt: row.batch_expires_at,
    failing: optionalJson(row.failing),
  };
}

export function toPendingPR(row: Row): PendingPR {
  return {
    number: row.number,
    title: row.title,
    body: row.body,
    author: row.author,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    diffHash: row.diff_hash,
    githubEtag: row.github_etag,
  };
}

export function toListedCounts(row: Row): ListedCounts {
  return {
    listed: row.listed,
    pending: row.pending,
  };
}

export function toPRKey(row: Row): PRKey {
  return {
    id: row.id,
    number: row.number,
    diffHash: row.diff_hash,
  };
}

export function toNeighbourList(row: Row): NeighbourList {
  return {
    prId: row.pr_id,
    neighbours: json(row.neighbours),
  };
}

export function toCandidateGroup(row: Row): CandidateGroup {
  return {
    position: row.position,
    prIds: json(row.pr_ids),
    label: row.label,
    error: row.error,
  };
}

export function toBatchAnswer(row: Row): BatchAnswer {
  return {
    position: row.position,
    text: row.text,
    problem: row.problem,
    inputTokens: row.input_tokens,
    outputTokens: row.output_tokens,
  };
}

export function toBatchPoll(row: Row): BatchPoll {
  return {
    batchId: row.batch_id,
    scanId: row.scan_id,
    step: row.step,
    phase: row.phase,
    polls: row.polls,
    begun: row.begun,
    errors: row.errors,
    ended: flag(row.ended),
  };
}

export function toDueBatchPoll(row: Row): DueBatchPoll {
  return {
    name: row.name,
    nextPollAt: row.next_poll_at,
  };
}

export function toVectorPurge(row: Row): VectorPurge {
  return {
    id: row.id,
    repoId: row.repo_id,
    number: row.number,
    vectorStore: optionalJson(row.vector_store),
    begun: row.begun,
  };
}

export function toJob(row: Row): Job {
  return {
    id: row.id,
    type: row.type,
    payload: json(row.payload),
    status: row.status,
    result: optionalJson(row.result),
    error: row.error,
    attempts: row.attempts,
    maxRetries: row.max_retries,
    runAfter: row.run_after,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
