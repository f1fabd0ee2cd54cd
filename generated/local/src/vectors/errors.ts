/** What goes wrong with vectors, each error with its kind, which tells the core whether trying again may help. */

/** `unreachable` and `rate_limited` may pass; `vectors` does not, and its message says what to do. */
export type VectorErrorKind = "unreachable" | "rate_limited" | "vectors";

/** Anything that a vector store refuses or cannot do. */
export abstract class VectorStoreError extends Error {
  abstract readonly kind: VectorErrorKind;
}

/** A vector does not fit its collection. */
export class DimensionMismatch extends VectorStoreError {
  override readonly name = "DimensionMismatch";
  readonly kind = "vectors";

  /** @param what the vector, for example "the vector of 1-7-code". */
  constructor(
    readonly collection: string,
    readonly expected: number,
    readonly found: number,
    what: string,
  ) {
    super(
      `The vector collection ${collection} holds vectors of ${expected} dimensions, but ${what} has ${found}. ` +
        "Check that embedding.model gives vectors of one size, then start the scan again",
    );
  }
}

/** A vector holds something that is no number. */
export class BrokenVector extends VectorStoreError {
  override readonly name = "BrokenVector";
  readonly kind = "vectors";

  constructor(what: string) {
    super(`${what} holds values that are not numbers. Check the embedding service, then start the scan again`);
  }
}

/** The store cannot make a collection of this size. */
export class UnsupportedDimensions extends VectorStoreError {
  override readonly name = "UnsupportedDimensions";
  readonly kind = "vectors";

  constructor(
    readonly dimensions: number,
    readonly maximum: number,
  ) {
    super(`Vectors must have 1 to ${maximum} dimensions, not ${dimensions}. Choose another embedding.model`);
  }
}

/** Points were to be stored in a collection that nobody made ready. */
export class CollectionMissing extends VectorStoreError {
  override readonly name = "CollectionMissing";
  // Somebody removed it while a scan was under way; its next attempt makes it again.
  readonly kind = "unreachable";

  constructor(readonly collection: string) {
    super(`The vector collection ${collection} does not exist`);
  }
}

/** The SQLite of this machine cannot load sqlite-vec. */
export class ExtensionMissing extends VectorStoreError {
  override readonly name = "ExtensionMissing";
  readonly kind = "vectors";

  constructor(reason: string, advice: string) {
    super(`The SQLite extension sqlite-vec cannot be loaded: ${reason}. ${advice}`);
  }
}

/** A vector server gave no usable answer, but may later. */
export class VectorServerUnreachable extends VectorStoreError {
  override readonly name = "VectorServerUnreachable";
  readonly kind = "unreachable";

  constructor(
    readonly server: string,
    readonly reason: string,
  ) {
    super(
      `The vector store ${server} could not be reached: ${reason}. Check that it runs, or change vector_store.url ` +
        "in the account's configuration",
    );
  }
}

/** A vector server asks to be called less often. */
export class VectorServerBusy extends VectorStoreError {
  override readonly name = "VectorServerBusy";
  readonly kind = "rate_limited";

  constructor(readonly server: string) {
    super(`The vector store ${server} limits the rate of requests`);
  }
}

/** A vector server refuses a request and would do so again. */
export class VectorServerRefusal extends VectorStoreError {
  override readonly name = "VectorServerRefusal";
  readonly kind = "vectors";

  /**
   * @param status the HTTP status, if that is what says so.
   * @param isUnknownPath whether the server does not know what it was asked, rather than not have what was asked for.
   */
  constructor(
    readonly server: string,
    readonly reason: string,
    advice: string,
    readonly status?: number,
    readonly isUnknownPath = false,
  ) {
    super(`The vector store ${server} ${reason}. ${advice} in the account's configuration`);
  }
}
