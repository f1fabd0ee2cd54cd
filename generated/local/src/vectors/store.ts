/** What a vector store is to the local host; the same as `VectorStore` in Python, except that writes show at once. */

/** A vector with the pull request that it stands for. */
export interface VectorPoint {
  /** `{repoId}-{prNumber}-{signal}`, in the collection `ossgard-{signal}`. */
  id: string;
  values: Float32Array;
  repoId: number;
  prNumber: number;
  prId: number;
}

/** A point that a search found. */
export interface VectorMatch {
  id: string;
  /** The cosine of the angle between the two vectors: 1 is the same direction. */
  score: number;
  prNumber: number;
  prId: number;
}

/** Keeps embeddings in collections and finds near ones. A collection that does not exist holds nothing. */
export interface VectorStore {
  /** The size of a collection's vectors, 0 when they are of another kind; null when it does not exist. */
  dimensions(collection: string): Promise<number | null>;
  /**
   * Makes a collection ready for vectors of this many dimensions.
   *
   * @returns whether it had to be made anew, since it held other vectors: it has lost them all.
   */
  ensureCollection(collection: string, dimensions: number): Promise<boolean>;
  /** Stores points, all of them or none; those with a known id are replaced. */
  upsert(collection: string, points: readonly VectorPoint[]): Promise<void>;
  /** The points of a repository that are nearest to a vector, best first. */
  search(collection: string, values: Float32Array, repoId: number, limit: number): Promise<VectorMatch[]>;
  /** The points of a repository that are nearest to a stored one, itself left out; null when the id is unknown. */
  searchById(collection: string, id: string, repoId: number, limit: number): Promise<VectorMatch[] | null>;
  /** Stored vectors by id, perhaps scaled to length 1; unknown ids are left out. */
  getVectors(collection: string, ids: readonly string[]): Promise<Map<string, Float32Array>>;
  /** Forgets points; unknown ids do no harm. */
  delete(collection: string, ids: readonly string[]): Promise<void>;
}

/** Told what the operator should know. */
export type Warn = (message: string) => void;
