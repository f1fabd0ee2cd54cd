/** One Vectorize index: what is written is queued, and shows after a while. */
import type { IndexFile, StoredVector } from "./index-file.ts";
import type { Condition, Definition, Metadata, Query, Scalar, Vector } from "./refusals.ts";
import { type Slot, Vectors } from "./similarity.ts";

/** Texts are indexed by their beginning. */
const INDEXED_TEXT_BYTES = 64;
/** Where `Vectors` keeps what is searched for. */
const QUERY_SLOT = 0;

export interface Match {
  id: string;
  score: number;
  namespace?: string;
  values?: number[];
  metadata?: Metadata;
}

interface Entry {
  id: string;
  slot: Slot;
  /** 1 / its length, or 0 for a vector of zeros, which is near to nothing. */
  scale: number;
  namespace: string | undefined;
  metadata: Metadata | undefined;
  indexed: Record<string, Scalar>;
}

/** Searches are exact; those of the service are approximate, unless values are asked for. */
export class VectorIndex {
  readonly definition: Definition;
  readonly #file: IndexFile;
  readonly #vectors: Vectors;
  readonly #entries = new Map<string, Entry>();
  /** Entries by metadata index, then by value. */
  readonly #byValue = new Map<string, Map<Scalar, Set<Entry>>>();

  constructor(definition: Definition, file: IndexFile) {
    this.definition = definition;
    this.#file = file;
    this.#vectors = new Vectors(definition.dimensions);
    for (const vector of file.vectors()) this.#put(vector);
  }

  /** Queue an insert, which keeps what exists, or an upsert, which replaces it as a whole. */
  write(kind: "insert" | "upsert", vectors: Vector[], now: number): string {
    return this.#file.queue(kind, vectors, now);
  }

  /** Queue a deletion. */
  delete(ids: string[], now: number): string {
    const none = new Float32Array();
    return this.#file.queue(
      "delete",
      ids.map((id) => ({ id, values: none })),
      now,
    );
  }

  /** Let show what was queued up to a moment. */
  process(upTo: number): void {
    this.#file.process(upTo, (mutation) => {
      for (const vector of mutation.vectors) {
        if (mutation.kind === "delete") this.#remove(vector.id);
        else if (mutation.kind === "upsert" || !this.#entries.has(vector.id)) this.#store(vector);
      }
    });
  }

  describe(): object {
    const { id, createdAt } = this.#file.lastProcessed();
    return {
      vectorCount: this.#entries.size,
      dimensions: this.definition.dimensions,
      processedUpToDatetime: createdAt === null ? null : new Date(createdAt).toISOString(),
      processedUpToMutation: id,
    };
  }

  byIds(ids: string[]): object[] {
    const found = ids.map((id) => this.#entries.get(id)).filter((entry) => entry !== undefined);
    return found.map(({ id, slot, namespace, metadata }) => ({
      id,
      ...(namespace !== undefined && { namespace }),
      ...(metadata !== undefined && { metadata }),
      values: [...this.#vectors.get(slot)],
    }));
  }

  query(query: Query): { count: number; matches: Match[] } {
    const matches = this.#nearest(query).map(({ entry, score }) => this.#match(entry, score, query));
    return { count: matches.length, matches };
  }

  #nearest(query: Query): { entry: Entry; score: number }[] {
    const self = query.vectorId === undefined ? undefined : this.#entries.get(query.vectorId);
    if (query.vector === undefined && self === undefined) return [];
    if (query.vector !== undefined) this.#vectors.set(QUERY_SLOT, query.vector);
    const slot = self?.slot ?? QUERY_SLOT;
    const scale = self?.scale ?? this.#scale(slot);
    const best: { entry: Entry; score: number }[] = [];
    for (const entry of this.#candidates(query)) {
      const score = this.#vectors.dot(slot, entry.slot) * scale * entry.scale;
      const worst = best[query.topK - 1];
      if (worst !== undefined && worst.score >= score) continue;
      let position = best.length;
      while (position > 0 && (best[position - 1]?.score ?? 0) < score) position--;
      best.splice(position, 0, { entry, score });
      if (best.length > query.topK) best.pop();
    }
    return best;
  }

  *#candidates({ namespace, conditions }: Query): Generator<Entry> {
    let entries: Iterable<Entry> = this.#entries.values();
    let size = this.#entries.size;
    for (const { key, operator, value } of conditions) {
      if (operator !== "$eq" || value === null || Array.isArray(value)) continue;
      const found = this.#byValue.get(key)?.get(indexedForm(value)) ?? new Set();
      if (found.size < size) [entries, size] = [found, found.size];
    }
    for (const entry of entries) {
      if (namespace !== undefined && entry.namespace !== namespace) continue;
      if (conditions.every((condition) => holds(condition, entry.indexed[condition.key]))) yield entry;
    }
  }

  #match({ id, slot, namespace, metadata, indexed }: Entry, score: number, query: Query): Match {
    const match: Match = { id, score };
    if (namespace !== undefined) match.namespace = namespace;
    if (query.returnValues) match.values = [...this.#vectors.get(slot)];
    if (query.returnMetadata === "all" && metadata !== undefined) match.metadata = metadata;
    if (query.returnMetadata === "indexed") match.metadata = indexed;
    return match;
  }

  #store(vector: Vector): void {
    const stored = { ...vector, indexed: this.#indexed(vector.metadata) };
    this.#file.put(stored);
    this.#put(stored);
  }

  #put({ id, values, namespace, metadata, indexed }: StoredVector): void {
    this.#forget(id);
    const slot = this.#vectors.add(values);
    const entry = { id, slot, scale: this.#scale(slot), namespace, metadata, indexed };
    this.#entries.set(id, entry);
    for (const [key, value] of Object.entries(indexed)) {
      const values = getOrMake(this.#byValue, key, () => new Map<Scalar, Set<Entry>>());
      getOrMake(values, value, () => new Set<Entry>()).add(entry);
    }
  }

  #remove(id: string): void {
    this.#file.remove(id);
    this.#forget(id);
  }

  #forget(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    for (const [key, value] of Object.entries(entry.indexed)) this.#byValue.get(key)?.get(value)?.delete(entry);
    this.#entries.delete(id);
    this.#vectors.remove(entry.slot);
  }

  /** What the metadata indexes take from a vector when it is written; one made later never sees it. */
  #indexed(metadata: Metadata | undefined): Record<string, Scalar> {
    const found = Object.entries(this.definition.metadataIndexes)
      .map(([key, type]) => [key, type, property(metadata, key)] as const)
      .filter(([, type, value]) => typeof value === type);
    return Object.fromEntries(found.map(([key, , value]) => [key, indexedForm(value as Scalar)]));
  }

  #scale(slot: Slot): number {
    const length = Math.sqrt(this.#vectors.dot(slot, slot));
    return length === 0 ? 0 : 1 / length;
  }
}

/** Only what all indexes of the spec are: the service has other metrics, too. */
export function checkMetric({ index, metric }: Definition): void {
  if (metric !== "cosine") throw new Error(`The offline host has no metric '${metric}', which '${index}' asks for`);
}

/** "a.b" is the property b of the property a. */
function property(metadata: Metadata | undefined, key: string): unknown {
  let value: unknown = metadata;
  for (const part of key.split(".")) value = (value as Metadata | undefined)?.[part];
  return value;
}

function indexedForm(value: Scalar): Scalar {
  if (typeof value !== "string" || Buffer.byteLength(value) <= INDEXED_TEXT_BYTES) return value;
  // The end of a character that was cut becomes U+FFFD.
  return Buffer.from(value)
    .subarray(0, INDEXED_TEXT_BYTES)
    .toString()
    .replace(/\uFFFD+$/, "");
}

function holds({ operator, value: wanted }: Condition, value: Scalar = null): boolean {
  const same = (other: Scalar) => indexedForm(other) === value;
  switch (operator) {
    case "$ne":
      return !same(wanted as Scalar);
    case "$in":
      return (wanted as Scalar[]).some(same);
    case "$nin":
      return !(wanted as Scalar[]).some(same);
    case "$eq":
      return same(wanted as Scalar);
  }
  if (value === null || typeof value !== typeof wanted) return false;
  const other = wanted as string | number;
  if (operator === "$lt") return value < other;
  if (operator === "$lte") return value <= other;
  return operator === "$gt" ? value > other : value >= other;
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const present = map.get(key);
  if (present !== undefined) return present;
  const made = make();
  map.set(key, made);
  return made;
}
