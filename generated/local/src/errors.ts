/** The errors that the local host's parts raise for each other, each with the data that its catcher needs. */

/** The database refused a write; nothing of the transaction was kept. */
export class ConstraintError extends Error {
  override readonly name = "ConstraintError";

  /** @param constraint SQLite's own words, for example "UNIQUE constraint failed: repos.owner". */
  constructor(readonly constraint: string) {
    super(constraint);
  }
}

/** The database cannot be used for now; the message says why, in words for a user. */
export class DatabaseUnavailable extends Error {
  override readonly name = "DatabaseUnavailable";
}

/** The host cannot start; the message says what is wrong and what to do, in one line. */
export class StartError extends Error {
  override readonly name = "StartError";
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
