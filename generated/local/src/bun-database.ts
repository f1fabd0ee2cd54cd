/** The database over `bun:sqlite`. */

import type { Database } from "bun:sqlite";
import {
  ADD_SCAN_TOKENS,
  CLAIM_JOB,
  CLEAR_ALL_EMBED_HASHES,
  CLEAR_EMBED_HASHES,
  CLEAR_REPOS,
  CLEAR_SCANS,
  CLEAR_SCRATCH,
  CLOSE_PRS,
  COMPLETE_JOB,
  COUNT_CANDIDATE_GROUPS,
  COUNT_DUPE_GROUPS,
  COUNT_LISTED_PRS,
  COUNT_PRS,
  CREATE_ACCOUNT,
  CREATE_SCAN,
  DELETE_DUPE_GROUPS_BY_SCAN,
  DELETE_REPO,
  DELETE_VECTOR_PURGES,
  FAIL_JOB,
  FAIL_SCAN,
  FIND_DUPE_GROUPS_BY_PR,
  GET_ACCOUNT,
  GET_ACCOUNT_BY_API_KEY,
  GET_ACTIVE_SCAN,
  GET_JOB,
  GET_LATEST_COMPLETED_SCAN,
  GET_PR,
  GET_PR_BY_NUMBER,
  GET_PRS_BY_IDS,
  GET_PRS_BY_NUMBERS,
  GET_REPO,
  GET_REPO_BY_OWNER_NAME,
  GET_SCAN,
  GET_SCAN_MESSAGE,
  INSERT_CANDIDATE_GROUPS,
  INSERT_DUPE_GROUP,
  INSERT_DUPE_GROUP_MEMBER,
  INSERT_JOB,
  INSERT_LISTED_PRS,
  INSERT_NEIGHBOUR_EDGES,
  INSERT_RANKED_GROUP,
  INSERT_REPO,
  LIST_CANDIDATE_GROUPS,
  LIST_DUPE_GROUP_MEMBERS,
  LIST_DUPE_GROUPS,
  LIST_DUPES,
  LIST_NEIGHBOURS,
  LIST_OPEN_PR_KEYS,
  LIST_OPEN_PRS,
  LIST_OPEN_PRS_AFTER,
  LIST_PENDING_PRS,
  LIST_REPOS,
  LIST_REVIEW,
  LIST_STALLED_STEPS,
  LIST_UNLISTED_PRS,
  LIST_VECTOR_PURGES,
  MARK_PRS_READ,
  MARK_STEP_SENT,
  NEXT_JOB_AT,
  PAUSE_JOB,
  RECORD_GROUP_ERROR,
  RECOVER_RUNNING_JOBS,
  RESET_ALL,
  RETRY_JOB,
  START_SCAN,
  TAKE_STEP,
  UPDATE_ACCOUNT_CONFIG,
  UPDATE_PR_EMBED_HASH,
  UPDATE_PR_EMBED_HASHES,
  UPDATE_PR_ETAG,
  UPDATE_REPO_LAST_SCAN_AT,
  UPDATE_SCAN_STATUS,
  UPSERT_PR,
  UPSERT_PRS,
  WRITES,
} from "./queries.ts";
import {
  toAccount,
  toCandidateGroup,
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
import { SqlMethods } from "./sql-methods.ts";
import type {
  Account,
  CandidateGroup,
  CandidateInput,
  DupeGroup,
  DupeGroupMember,
  DupeRow,
  EmbedHash,
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
    super(database, WRITES);
  }

  async createAccount(apiKeyHash: string, label: string | null, config: JsonObject): Promise<Account> {
    return this.one(CREATE_ACCOUNT, [apiKeyHash, label, config], toAccount);
  }

  async getAccountByApiKey(apiKeyHash: string): Promise<Account | null> {
    return this.first(GET_ACCOUNT_BY_API_KEY, [apiKeyHash], toAccount);
  }

  async getAccount(accountId: number): Promise<Account | null> {
    return this.first(GET_ACCOUNT, [accountId], toAccount);
  }

  async updateAccountConfig(
    accountId: number,
    config: JsonObject,
    changes: UpdateAccountConfigChanges,
  ): Promise<number> {
    return this.run(UPDATE_ACCOUNT_CONFIG, [accountId, config, changes]);
  }

  async clearEmbedHashes(accountId: number): Promise<number> {
    return this.run(CLEAR_EMBED_HASHES, [accountId]);
  }

  async clearAllEmbedHashes(): Promise<number> {
    return this.run(CLEAR_ALL_EMBED_HASHES, []);
  }

  async insertRepo(accountId: number, owner: string, name: string): Promise<Repo | null> {
    return this.first(INSERT_REPO, [accountId, owner, name], toRepo);
  }

  async getRepo(accountId: number, id: number): Promise<Repo | null> {
    return this.first(GET_REPO, [accountId, id], toRepo);
  }

  async getRepoByOwnerName(accountId: number, owner: string, name: string): Promise<Repo | null> {
    return this.first(GET_REPO_BY_OWNER_NAME, [accountId, owner, name], toRepo);
  }

  async listRepos(accountId: number): Promise<RepoOverview[]> {
    return this.pages(LIST_REPOS, [accountId], toRepoOverview);
  }

  async deleteRepo(accountId: number, id: number): Promise<number> {
    return this.run(DELETE_REPO, [accountId, id]);
  }

  async updateRepoLastScanAt(id: number, lastScanAt: string): Promise<number> {
    return this.run(UPDATE_REPO_LAST_SCAN_AT, [id, lastScanAt]);
  }

  async startScan(
    accountId: number,
    owner: string,
    name: string,
    options: JsonObject,
    phase: string,
    dueAt: string,
  ): Promise<Scan | null> {
    return this.first(START_SCAN, [accountId, owner, name, options, phase, dueAt], toScan);
  }

  async createScan(accountId: number, repoId: number): Promise<Scan | null> {
    return this.first(CREATE_SCAN, [accountId, repoId], toScan);
  }

  async getScan(accountId: number, id: number): Promise<Scan | null> {
    return this.first(GET_SCAN, [accountId, id], toScan);
  }

  async getActiveScan(accountId: number, repoId: number): Promise<Scan | null> {
    return this.first(GET_ACTIVE_SCAN, [accountId, repoId], toScan);
  }

  async getLatestCompletedScan(accountId: number, repoId: number): Promise<Scan | null> {
    return this.first(GET_LATEST_COMPLETED_SCAN, [accountId, repoId], toScan);
  }

  async updateScanStatus(id: number, status: ScanStatus, changes: UpdateScanStatusChanges): Promise<number> {
    return this.run(UPDATE_SCAN_STATUS, [id, status, changes]);
  }

  async addScanTokens(id: number, inputTokens: number, outputTokens: number): Promise<number> {
    return this.run(ADD_SCAN_TOKENS, [id, inputTokens, outputTokens]);
  }

  async failScan(id: number, error: string, completedAt: string): Promise<number> {
    return this.run(FAIL_SCAN, [id, error, completedAt]);
  }

  async getScanMessage(scanId: number, step: number): Promise<ScanMessage | null> {
    return this.first(GET_SCAN_MESSAGE, [scanId, step], toScanMessage);
  }

  async takeStep(scanId: number, nextStep: number, nextPhase: string | null, dueAt: string): Promise<void> {
    await this.run(TAKE_STEP, [scanId, nextStep, nextPhase, dueAt]);
  }

  async markStepSent(scanId: number, step: number, sentAt: string): Promise<number> {
    return this.run(MARK_STEP_SENT, [scanId, step, sentAt]);
  }

  async listStalledSteps(unsentBefore: string, sentBefore: string, limit: number): Promise<ScanStep[]> {
    return this.list(LIST_STALLED_STEPS, [unsentBefore, sentBefore, limit], toScanStep);
  }

  async upsertPR(repoId: number, pr: PRInput): Promise<PR> {
    return this.one(UPSERT_PR, [repoId, pr], toPR);
  }

  async upsertPRs(repoId: number, prs: PRInput[]): Promise<number> {
    return this.run(UPSERT_PRS, [repoId, prs]);
  }

  async getPR(accountId: number, id: number): Promise<PR | null> {
    return this.first(GET_PR, [accountId, id], toPR);
  }

  async getPRByNumber(accountId: number, repoId: number, number: number): Promise<PR | null> {
    return this.first(GET_PR_BY_NUMBER, [accountId, repoId, number], toPR);
  }

  async getPRsByIds(accountId: number, ids: number[]): Promise<PR[]> {
    return this.list(GET_PRS_BY_IDS, [accountId, ids], toPR);
  }

  async getPRsByNumbers(accountId: number, repoId: number, numbers: number[]): Promise<PR[]> {
    return this.list(GET_PRS_BY_NUMBERS, [accountId, repoId, numbers], toPR);
  }

  async listOpenPRs(accountId: number, repoId: number): Promise<PR[]> {
    return this.pages(LIST_OPEN_PRS, [accountId, repoId], toPR);
  }

  async countPRs(accountId: number, repoId: number): Promise<number> {
    return this.value<number>(COUNT_PRS, [accountId, repoId]);
  }

  async updatePREtag(id: number, githubEtag: string | null): Promise<number> {
    return this.run(UPDATE_PR_ETAG, [id, githubEtag]);
  }

  async updatePREmbedHash(id: number, embedHash: string | null): Promise<number> {
    return this.run(UPDATE_PR_EMBED_HASH, [id, embedHash]);
  }

  async insertDupeGroup(scanId: number, repoId: number, label: string | null, prCount: number): Promise<DupeGroup> {
    return this.one(INSERT_DUPE_GROUP, [scanId, repoId, label, prCount], toDupeGroup);
  }

  async insertDupeGroupMember(
    groupId: number,
    prId: number,
    rank: number,
    score: number,
    rationale: string | null,
  ): Promise<DupeGroupMember> {
    return this.one(INSERT_DUPE_GROUP_MEMBER, [groupId, prId, rank, score, rationale], toDupeGroupMember);
  }

  async listDupeGroups(accountId: number, scanId: number): Promise<DupeGroup[]> {
    return this.list(LIST_DUPE_GROUPS, [accountId, scanId], toDupeGroup);
  }

  async listDupeGroupMembers(accountId: number, groupId: number): Promise<DupeGroupMember[]> {
    return this.list(LIST_DUPE_GROUP_MEMBERS, [accountId, groupId], toDupeGroupMember);
  }

  async findDupeGroupsByPR(accountId: number, scanId: number, prId: number): Promise<DupeGroup[]> {
    return this.list(FIND_DUPE_GROUPS_BY_PR, [accountId, scanId, prId], toDupeGroup);
  }

  async listDupes(accountId: number, owner: string, name: string): Promise<DupeRow[]> {
    return this.list(LIST_DUPES, [accountId, owner, name], toDupeRow);
  }

  async listReview(accountId: number, owner: string, name: string, number: number): Promise<ReviewRow[]> {
    return this.list(LIST_REVIEW, [accountId, owner, name, number], toReviewRow);
  }

  async deleteDupeGroupsByScan(scanId: number): Promise<number> {
    return this.run(DELETE_DUPE_GROUPS_BY_SCAN, [scanId]);
  }

  async insertListedPRs(scanId: number, repoId: number, full: boolean, prs: ListedPR[]): Promise<number> {
    return this.run(INSERT_LISTED_PRS, [scanId, repoId, full, prs]);
  }

  async countListedPRs(scanId: number): Promise<ListedCounts> {
    return this.one(COUNT_LISTED_PRS, [scanId], toListedCounts);
  }

  async listPendingPRs(scanId: number, repoId: number, afterNumber: number, limit: number): Promise<PendingPR[]> {
    return this.list(LIST_PENDING_PRS, [scanId, repoId, afterNumber, limit], toPendingPR);
  }

  async markPRsRead(scanId: number, numbers: number[]): Promise<number> {
    return this.run(MARK_PRS_READ, [scanId, numbers]);
  }

  async listUnlistedPRs(scanId: number, repoId: number, afterNumber: number, limit: number): Promise<number[]> {
    return this.values<number>(LIST_UNLISTED_PRS, [scanId, repoId, afterNumber, limit]);
  }

  async closePRs(repoId: number, states: PRStateChange[]): Promise<number> {
    return this.run(CLOSE_PRS, [repoId, states]);
  }

  async listOpenPRsAfter(accountId: number, repoId: number, afterNumber: number, limit: number): Promise<PR[]> {
    return this.list(LIST_OPEN_PRS_AFTER, [accountId, repoId, afterNumber, limit], toPR);
  }

  async updatePREmbedHashes(hashes: EmbedHash[]): Promise<number> {
    return this.run(UPDATE_PR_EMBED_HASHES, [hashes]);
  }

  async listOpenPRKeys(accountId: number, repoId: number, afterNumber: number, limit: number): Promise<PRKey[]> {
    return this.list(LIST_OPEN_PR_KEYS, [accountId, repoId, afterNumber, limit], toPRKey);
  }

  async insertNeighbourEdges(scanId: number, edges: NeighbourEdge[]): Promise<number> {
    return this.run(INSERT_NEIGHBOUR_EDGES, [scanId, edges]);
  }

  async listNeighbours(scanId: number): Promise<NeighbourList[]> {
    return this.pages(LIST_NEIGHBOURS, [scanId], toNeighbourList);
  }

  async insertCandidateGroups(scanId: number, stage: string, groups: CandidateInput[]): Promise<number> {
    return this.run(INSERT_CANDIDATE_GROUPS, [scanId, stage, groups]);
  }

  async listCandidateGroups(
    scanId: number,
    stage: string,
    afterPosition: number,
    limit: number,
  ): Promise<CandidateGroup[]> {
    return this.list(LIST_CANDIDATE_GROUPS, [scanId, stage, afterPosition, limit], toCandidateGroup);
  }

  async countCandidateGroups(scanId: number, stage: string): Promise<number> {
    return this.value<number>(COUNT_CANDIDATE_GROUPS, [scanId, stage]);
  }

  async recordGroupError(scanId: number, stage: string, position: number, error: string): Promise<number> {
    return this.run(RECORD_GROUP_ERROR, [scanId, stage, position, error]);
  }

  async insertRankedGroup(
    scanId: number,
    repoId: number,
    label: string | null,
    members: RankedMember[],
  ): Promise<number> {
    return this.run(INSERT_RANKED_GROUP, [scanId, repoId, label, members]);
  }

  async countDupeGroups(scanId: number): Promise<number> {
    return this.value<number>(COUNT_DUPE_GROUPS, [scanId]);
  }

  async clearScratch(repoId: number): Promise<number> {
    return this.run(CLEAR_SCRATCH, [repoId]);
  }

  async listVectorPurges(afterId: number, limit: number): Promise<VectorPurge[]> {
    return this.list(LIST_VECTOR_PURGES, [afterId, limit], toVectorPurge);
  }

  async deleteVectorPurges(ids: number[]): Promise<number> {
    return this.run(DELETE_VECTOR_PURGES, [ids]);
  }

  async clearScans(accountId: number): Promise<number> {
    return this.run(CLEAR_SCANS, [accountId]);
  }

  async clearRepos(accountId: number): Promise<number> {
    return this.run(CLEAR_REPOS, [accountId]);
  }

  async resetAll(accountId: number): Promise<number> {
    return this.run(RESET_ALL, [accountId]);
  }

  async insertJob(
    id: string,
    type: string,
    payload: JsonObject,
    maxRetries: number,
    runAfter: string | null,
  ): Promise<number> {
    return this.run(INSERT_JOB, [id, type, payload, maxRetries, runAfter]);
  }

  async getJob(id: string): Promise<Job | null> {
    return this.first(GET_JOB, [id], toJob);
  }

  async claimJob(now: string): Promise<Job | null> {
    return this.first(CLAIM_JOB, [now], toJob);
  }

  async completeJob(id: string, result: JsonObject | null): Promise<number> {
    return this.run(COMPLETE_JOB, [id, result]);
  }

  async retryJob(id: string, error: string, runAfter: string): Promise<number> {
    return this.run(RETRY_JOB, [id, error, runAfter]);
  }

  async failJob(id: string, error: string): Promise<number> {
    return this.run(FAIL_JOB, [id, error]);
  }

  async pauseJob(id: string, runAfter: string): Promise<number> {
    return this.run(PAUSE_JOB, [id, runAfter]);
  }

  async recoverRunningJobs(): Promise<number> {
    return this.run(RECOVER_RUNNING_JOBS, []);
  }

  async nextJobAt(): Promise<string | null> {
    return this.firstValue<string>(NEXT_JOB_AT, []);
  }
}
