/** The database over `bun:sqlite`. */

import type { Database } from "bun:sqlite";
import { SqlMethods } from "../sql-methods.ts";
import * as queries from "./queries.ts";
import {
  toAccount,
  toBatchAnswer,
  toBatchPoll,
  toCandidateGroup,
  toDueBatchPoll,
  toDupeGroup,
  toDupeGroupMember,
  toDupeRow,
  toJob,
  toListedCounts,
  toNeighbourList,
  toPendingPR,
  toPR,
  toPRKey,
  toRepo,
  toRepoOverview,
  toReviewRow,
  toScan,
  toScanMessage,
  toScanStep,
  toVectorPurge,
} from "./rows.ts";
import type {
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
  IDatabase,
  Job,
  JsonObject,
  ListedCounts,
  ListedPR,
  NeighbourEdge,
  NeighbourList,
  PendingPR,
  PR,
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
} from "./types.ts";

/** Implements `IDatabase`; see there for what the methods do. */
export class BunDatabase extends SqlMethods implements IDatabase {
  /** @param database an open database whose migrations are applied. */
  constructor(database: Database) {
    super(database, queries.WRITES);
  }

  async createAccount(apiKeyHash: string, label: string | null, config: JsonObject): Promise<Account> {
    return this.one(queries.CREATE_ACCOUNT, [apiKeyHash, label, config], toAccount);
  }

  async getAccountByApiKey(apiKeyHash: string): Promise<Account | null> {
    return this.first(queries.GET_ACCOUNT_BY_API_KEY, [apiKeyHash], toAccount);
  }

  async getAccount(accountId: number): Promise<Account | null> {
    return this.first(queries.GET_ACCOUNT, [accountId], toAccount);
  }

  async updateAccountConfig(
    accountId: number,
    config: JsonObject,
    changes: UpdateAccountConfigChanges,
  ): Promise<number> {
    return this.run(queries.UPDATE_ACCOUNT_CONFIG, [accountId, config, changes]);
  }

  async clearEmbedHashes(accountId: number): Promise<number> {
    return this.run(queries.CLEAR_EMBED_HASHES, [accountId]);
  }

  async clearRepoEmbedHashes(accountId: number, repoId: number): Promise<number> {
    return this.run(queries.CLEAR_REPO_EMBED_HASHES, [accountId, repoId]);
  }

  async clearAllEmbedHashes(): Promise<number> {
    return this.run(queries.CLEAR_ALL_EMBED_HASHES, []);
  }

  async insertRepo(accountId: number, owner: string, name: string): Promise<Repo | null> {
    return this.first(queries.INSERT_REPO, [accountId, owner, name], toRepo);
  }

  async getRepo(accountId: number, id: number): Promise<Repo | null> {
    return this.first(queries.GET_REPO, [accountId, id], toRepo);
  }

  async getRepoByOwnerName(accountId: number, owner: string, name: string): Promise<Repo | null> {
    return this.first(queries.GET_REPO_BY_OWNER_NAME, [accountId, owner, name], toRepo);
  }

  async listRepos(accountId: number): Promise<RepoOverview[]> {
    return this.pages(queries.LIST_REPOS, [accountId], toRepoOverview);
  }

  async deleteRepo(accountId: number, id: number): Promise<number> {
    return this.run(queries.DELETE_REPO, [accountId, id]);
  }

  async updateRepoLastScanAt(id: number, lastScanAt: string): Promise<number> {
    return this.run(queries.UPDATE_REPO_LAST_SCAN_AT, [id, lastScanAt]);
  }

  async startScan(
    accountId: number,
    owner: string,
    name: string,
    options: JsonObject,
    phase: string,
    dueAt: string,
  ): Promise<Scan | null> {
    return this.first(queries.START_SCAN, [accountId, owner, name, options, phase, dueAt], toScan);
  }

  async createScan(accountId: number, repoId: number): Promise<Scan | null> {
    return this.first(queries.CREATE_SCAN, [accountId, repoId], toScan);
  }

  async getScan(accountId: number, id: number): Promise<Scan | null> {
    return this.first(queries.GET_SCAN, [accountId, id], toScan);
  }

  async getActiveScan(accountId: number, repoId: number): Promise<Scan | null> {
    return this.first(queries.GET_ACTIVE_SCAN, [accountId, repoId], toScan);
  }

  async getLatestCompletedScan(accountId: number, repoId: number): Promise<Scan | null> {
    return this.first(queries.GET_LATEST_COMPLETED_SCAN, [accountId, repoId], toScan);
  }

  async updateScanStatus(id: number, status: ScanStatus, changes: UpdateScanStatusChanges): Promise<number> {
    return this.run(queries.UPDATE_SCAN_STATUS, [id, status, changes]);
  }

  async addScanTokens(id: number, inputTokens: number, outputTokens: number): Promise<number> {
    return this.run(queries.ADD_SCAN_TOKENS, [id, inputTokens, outputTokens]);
  }

  async failScan(id: number, error: string, completedAt: string): Promise<number> {
    return this.run(queries.FAIL_SCAN, [id, error, completedAt]);
  }

  async getScanMessage(scanId: number, step: number): Promise<ScanMessage | null> {
    return this.first(queries.GET_SCAN_MESSAGE, [scanId, step], toScanMessage);
  }

  async beginStep(scanId: number, step: number, now: string, atOnce: string): Promise<ScanMessage | null> {
    return this.first(queries.BEGIN_STEP, [scanId, step, now, atOnce], toScanMessage);
  }

  async putOffStep(scanId: number, step: number, dueAt: string, failing: Failing, note: string): Promise<number> {
    return this.run(queries.PUT_OFF_STEP, [scanId, step, dueAt, failing, note]);
  }

  async excuseStep(scanId: number, step: number): Promise<number> {
    return this.run(queries.EXCUSE_STEP, [scanId, step]);
  }

  async takeStep(
    scanId: number,
    nextStep: number,
    nextPhase: string | null,
    dueAt: string,
    batchId: string | null,
    batchExpiresAt: string | null,
  ): Promise<void> {
    await this.run(queries.TAKE_STEP, [scanId, nextStep, nextPhase, dueAt, batchId, batchExpiresAt]);
  }

  async markStepSent(scanId: number, step: number, sentAt: string): Promise<number> {
    return this.run(queries.MARK_STEP_SENT, [scanId, step, sentAt]);
  }

  async claimSubmission(scanId: number, step: number, submittingAt: string, staleAt: string | null): Promise<number> {
    return this.run(queries.CLAIM_SUBMISSION, [scanId, step, submittingAt, staleAt]);
  }

  async forgetSubmission(scanId: number, step: number): Promise<number> {
    return this.run(queries.FORGET_SUBMISSION, [scanId, step]);
  }

  async markBatchEnded(scanId: number, step: number, endedAt: string): Promise<number> {
    return this.run(queries.MARK_BATCH_ENDED, [scanId, step, endedAt]);
  }

  async listStalledSteps(unsentBefore: string, sentBefore: string, limit: number): Promise<ScanStep[]> {
    return this.list(queries.LIST_STALLED_STEPS, [unsentBefore, sentBefore, limit], toScanStep);
  }

  async upsertPR(repoId: number, pr: PRInput): Promise<PR> {
    return this.one(queries.UPSERT_PR, [repoId, pr], toPR);
  }

  async upsertPRs(repoId: number, prs: PRInput[]): Promise<number> {
    return this.run(queries.UPSERT_PRS, [repoId, prs]);
  }

  async getPR(accountId: number, id: number): Promise<PR | null> {
    return this.first(queries.GET_PR, [accountId, id], toPR);
  }

  async getPRByNumber(accountId: number, repoId: number, number: number): Promise<PR | null> {
    return this.first(queries.GET_PR_BY_NUMBER, [accountId, repoId, number], toPR);
  }

  async getPRsByIds(accountId: number, ids: number[]): Promise<PR[]> {
    return this.list(queries.GET_PRS_BY_IDS, [accountId, ids], toPR);
  }

  async getPRsByNumbers(accountId: number, repoId: number, numbers: number[]): Promise<PR[]> {
    return this.list(queries.GET_PRS_BY_NUMBERS, [accountId, repoId, numbers], toPR);
  }

  async listOpenPRs(accountId: number, repoId: number): Promise<PR[]> {
    return this.pages(queries.LIST_OPEN_PRS, [accountId, repoId], toPR);
  }

  async countPRs(accountId: number, repoId: number): Promise<number> {
    return this.value<number>(queries.COUNT_PRS, [accountId, repoId]);
  }

  async countOpenPRs(accountId: number, repoId: number): Promise<number> {
    return this.value<number>(queries.COUNT_OPEN_PRS, [accountId, repoId]);
  }

  async updatePREtag(id: number, githubEtag: string | null): Promise<number> {
    return this.run(queries.UPDATE_PR_ETAG, [id, githubEtag]);
  }

  async updatePREmbedHash(id: number, embedHash: string | null): Promise<number> {
    return this.run(queries.UPDATE_PR_EMBED_HASH, [id, embedHash]);
  }

  async insertDupeGroup(scanId: number, repoId: number, label: string | null, prCount: number): Promise<DupeGroup> {
    return this.one(queries.INSERT_DUPE_GROUP, [scanId, repoId, label, prCount], toDupeGroup);
  }

  async insertDupeGroupMember(
    groupId: number,
    prId: number,
    rank: number,
    score: number,
    rationale: string | null,
  ): Promise<DupeGroupMember> {
    return this.one(queries.INSERT_DUPE_GROUP_MEMBER, [groupId, prId, rank, score, rationale], toDupeGroupMember);
  }

  async listDupeGroups(accountId: number, scanId: number): Promise<DupeGroup[]> {
    return this.list(queries.LIST_DUPE_GROUPS, [accountId, scanId], toDupeGroup);
  }

  async listDupeGroupMembers(accountId: number, groupId: number): Promise<DupeGroupMember[]> {
    return this.list(queries.LIST_DUPE_GROUP_MEMBERS, [accountId, groupId], toDupeGroupMember);
  }

  async findDupeGroupsByPR(accountId: number, scanId: number, prId: number): Promise<DupeGroup[]> {
    return this.list(queries.FIND_DUPE_GROUPS_BY_PR, [accountId, scanId, prId], toDupeGroup);
  }

  async listDupes(accountId: number, owner: string, name: string): Promise<DupeRow[]> {
    return this.list(queries.LIST_DUPES, [accountId, owner, name], toDupeRow);
  }

  async listReview(accountId: number, owner: string, name: string, number: number): Promise<ReviewRow[]> {
    return this.list(queries.LIST_REVIEW, [accountId, owner, name, number], toReviewRow);
  }

  async deleteDupeGroupsByScan(scanId: number): Promise<number> {
    return this.run(queries.DELETE_DUPE_GROUPS_BY_SCAN, [scanId]);
  }

  async insertListedPRs(scanId: number, repoId: number, full: boolean, prs: ListedPR[]): Promise<number> {
    return this.run(queries.INSERT_LISTED_PRS, [scanId, repoId, full, prs]);
  }

  async countListedPRs(scanId: number): Promise<ListedCounts> {
    return this.one(queries.COUNT_LISTED_PRS, [scanId], toListedCounts);
  }

  async listPendingPRs(scanId: number, repoId: number, afterNumber: number, limit: number): Promise<PendingPR[]> {
    return this.list(queries.LIST_PENDING_PRS, [scanId, repoId, afterNumber, limit], toPendingPR);
  }

  async markPRsRead(scanId: number, numbers: number[]): Promise<number> {
    return this.run(queries.MARK_PRS_READ, [scanId, numbers]);
  }

  async listUnlistedPRs(scanId: number, repoId: number, afterNumber: number, limit: number): Promise<number[]> {
    return this.values<number>(queries.LIST_UNLISTED_PRS, [scanId, repoId, afterNumber, limit]);
  }

  async closePRs(repoId: number, states: PRStateChange[]): Promise<number> {
    return this.run(queries.CLOSE_PRS, [repoId, states]);
  }

  async listOpenPRsAfter(accountId: number, repoId: number, afterNumber: number, limit: number): Promise<PR[]> {
    return this.list(queries.LIST_OPEN_PRS_AFTER, [accountId, repoId, afterNumber, limit], toPR);
  }

  async updatePREmbedHashes(hashes: EmbedHash[]): Promise<number> {
    return this.run(queries.UPDATE_PR_EMBED_HASHES, [hashes]);
  }

  async listOpenPRKeys(accountId: number, repoId: number, afterNumber: number, limit: number): Promise<PRKey[]> {
    return this.list(queries.LIST_OPEN_PR_KEYS, [accountId, repoId, afterNumber, limit], toPRKey);
  }

  async insertNeighbourEdges(scanId: number, edges: NeighbourEdge[]): Promise<number> {
    return this.run(queries.INSERT_NEIGHBOUR_EDGES, [scanId, edges]);
  }

  async listNeighbours(scanId: number): Promise<NeighbourList[]> {
    return this.pages(queries.LIST_NEIGHBOURS, [scanId], toNeighbourList);
  }

  async insertCandidateGroups(scanId: number, stage: string, groups: CandidateInput[]): Promise<number> {
    return this.run(queries.INSERT_CANDIDATE_GROUPS, [scanId, stage, groups]);
  }

  async listCandidateGroups(
    scanId: number,
    stage: string,
    afterPosition: number,
    limit: number,
  ): Promise<CandidateGroup[]> {
    return this.list(queries.LIST_CANDIDATE_GROUPS, [scanId, stage, afterPosition, limit], toCandidateGroup);
  }

  async countCandidateGroups(scanId: number, stage: string): Promise<number> {
    return this.value<number>(queries.COUNT_CANDIDATE_GROUPS, [scanId, stage]);
  }

  async recordGroupError(scanId: number, stage: string, position: number, error: string): Promise<number> {
    return this.run(queries.RECORD_GROUP_ERROR, [scanId, stage, position, error]);
  }

  async insertBatchAnswers(scanId: number, phase: string, answers: BatchAnswerInput[]): Promise<number> {
    return this.run(queries.INSERT_BATCH_ANSWERS, [scanId, phase, answers]);
  }

  async listBatchAnswers(scanId: number, phase: string, first: number, last: number): Promise<BatchAnswer[]> {
    return this.list(queries.LIST_BATCH_ANSWERS, [scanId, phase, first, last], toBatchAnswer);
  }

  async insertRankedGroup(
    scanId: number,
    repoId: number,
    label: string | null,
    members: RankedMember[],
  ): Promise<number> {
    return this.run(queries.INSERT_RANKED_GROUP, [scanId, repoId, label, members]);
  }

  async countDupeGroups(scanId: number): Promise<number> {
    return this.value<number>(queries.COUNT_DUPE_GROUPS, [scanId]);
  }

  async clearScratch(repoId: number): Promise<number> {
    return this.run(queries.CLEAR_SCRATCH, [repoId]);
  }

  async listVectorPurges(afterId: number, limit: number): Promise<VectorPurge[]> {
    return this.list(queries.LIST_VECTOR_PURGES, [afterId, limit], toVectorPurge);
  }

  async markVectorPurges(ids: number[], begin: boolean): Promise<number> {
    return this.run(queries.MARK_VECTOR_PURGES, [ids, begin]);
  }

  async deleteVectorPurges(ids: number[]): Promise<number> {
    return this.run(queries.DELETE_VECTOR_PURGES, [ids]);
  }

  async clearScans(accountId: number): Promise<number> {
    return this.run(queries.CLEAR_SCANS, [accountId]);
  }

  async clearRepos(accountId: number): Promise<number> {
    return this.run(queries.CLEAR_REPOS, [accountId]);
  }

  async resetAll(accountId: number): Promise<number> {
    return this.run(queries.RESET_ALL, [accountId]);
  }

  async insertJob(
    id: string,
    type: string,
    payload: JsonObject,
    maxRetries: number,
    runAfter: string | null,
  ): Promise<number> {
    return this.run(queries.INSERT_JOB, [id, type, payload, maxRetries, runAfter]);
  }

  async getJob(id: string): Promise<Job | null> {
    return this.first(queries.GET_JOB, [id], toJob);
  }

  async claimJob(now: string, perAccount: number, served: number[]): Promise<Job | null> {
    return this.first(queries.CLAIM_JOB, [now, perAccount, served], toJob);
  }

  async getJobAccount(id: string): Promise<number | null> {
    return this.firstValue<number>(queries.GET_JOB_ACCOUNT, [id]);
  }

  async completeJob(id: string, result: JsonObject | null): Promise<number> {
    return this.run(queries.COMPLETE_JOB, [id, result]);
  }

  async retryJob(id: string, error: string, runAfter: string): Promise<number> {
    return this.run(queries.RETRY_JOB, [id, error, runAfter]);
  }

  async failJob(id: string, error: string): Promise<number> {
    return this.run(queries.FAIL_JOB, [id, error]);
  }

  async pauseJob(id: string, runAfter: string): Promise<number> {
    return this.run(queries.PAUSE_JOB, [id, runAfter]);
  }

  async recoverRunningJobs(): Promise<number> {
    return this.run(queries.RECOVER_RUNNING_JOBS, []);
  }

  async nextJobAt(now: string): Promise<string | null> {
    return this.firstValue<string>(queries.NEXT_JOB_AT, [now]);
  }

  async startBatchPoll(
    name: string,
    batchId: string,
    scanId: number,
    step: number,
    phase: string,
    nextPollAt: string,
  ): Promise<number> {
    return this.run(queries.START_BATCH_POLL, [name, batchId, scanId, step, phase, nextPollAt]);
  }

  async getBatchPoll(name: string): Promise<BatchPoll | null> {
    return this.first(queries.GET_BATCH_POLL, [name], toBatchPoll);
  }

  async saveBatchPoll(
    name: string,
    batchId: string,
    step: number,
    polls: number,
    begun: number,
    errors: number,
    ended: boolean,
    nextPollAt: string,
  ): Promise<number> {
    return this.run(queries.SAVE_BATCH_POLL, [name, batchId, step, polls, begun, errors, ended, nextPollAt]);
  }

  async deleteBatchPoll(name: string, batchId: string, step: number): Promise<number> {
    return this.run(queries.DELETE_BATCH_POLL, [name, batchId, step]);
  }

  async listBatchPolls(limit: number): Promise<DueBatchPoll[]> {
    return this.list(queries.LIST_BATCH_POLLS, [limit], toDueBatchPoll);
  }
}
