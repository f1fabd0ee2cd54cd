/**
 * What Vectorize refuses, in its own words.
 *
 * Codes and messages are those that the deployed service is known to answer with. A refusal of which only the limit is
 * documented has the code of a request that cannot be read.
 */

const ID_BYTES = 64;
const NAMESPACE_BYTES = 64;
const METADATA_BYTES = 10_240;
const FILTER_BYTES = 2_048;
const FILTER_KEY_CHARACTERS = 512;
/** From a Worker; the REST interface takes more. */
const VECTORS_A_CALL = 1_000;
const UPLOAD_BYTES = 100 * 1024 ** 2;
const IDS_A_READ = 20;
/** Not documented, but so it answers. */
const IDS_A_DELETION = 100;
const TOP_K = 100;
const TOP_K_WITH_CONTENT = 20;
const DEFAULT_TOP_K = 5;

const OPERATORS = ["$eq", "$ne", "$in", "$nin", "$lt", "$lte", "$gt", "$gte"];

export type Scalar = string | number | boolean | null;
export type Metadata = Record<string, unknown>;
export type MetadataType = "string" | "number" | "boolean";

/** What an index is made with. */
export interface Definition {
  index: string;
  dimensions: number;
  metric: string;
  /** Type by property. */
  metadataIndexes: Record<string, MetadataType>;
}

export interface Vector {
  id: string;
  values: Float32Array;
  namespace?: string;
  metadata?: Metadata;
}

export interface Condition {
  key: string;
  operator: string;
  value: Scalar | Scalar[];
}

export interface Query {
  vector?: Float32Array;
  vectorId?: string;
  topK: number;
  namespace: string | undefined;
  conditions: Condition[];
  returnValues: boolean;
  returnMetadata: "none" | "indexed" | "all";
}

/** A refusal; workerd's binding makes "VECTOR_QUERY_ERROR (code = 40006): ..." of it. */
export class Refusal extends Error {
  override readonly name = "Refusal";

  constructor(
    readonly code: number,
    message: string,
    readonly status = 400,
  ) {
    super(message);
  }
}

/** The vectors of an insert or an upsert, from NDJSON. */
export function readVectors(body: string, definition: Definition): Vector[] {
  if (bytes(body) > UPLOAD_BYTES) throw new Refusal(40023, `payload too large; max is ${UPLOAD_BYTES} bytes`, 413);
  const lines = body.split("\n").filter((line) => line !== "");
  if (lines.length === 0) throw unreadableUpsert("no vectors");
  if (lines.length > VECTORS_A_CALL) {
    throw new Refusal(40007, `too many vectors in payload; max vector count is ${VECTORS_A_CALL}, got ${lines.length}`);
  }
  return lines.map((line) => readVector(line, definition));
}

function readVector(line: string, { dimensions }: Definition): Vector {
  const record = parse(line, unreadableUpsert);
  const { id, values, namespace, metadata } = record;
  if (typeof id !== "string" || id === "") throw unreadableUpsert("a vector needs an id");
  checkId(id);
  if (!isNumbers(values)) throw unreadableUpsert(`the values of "${id}" are not numbers`);
  if (values.length !== dimensions) {
    throw new Refusal(
      40012,
      `invalid vector for id="${id}", expected ${dimensions} dimensions, and got ${values.length} dimensions`,
    );
  }
  const vector: Vector = { id, values: new Float32Array(values) };
  if (namespace !== undefined) vector.namespace = readNamespace(namespace);
  if (metadata !== undefined) vector.metadata = readMetadata(metadata, id);
  return vector;
}

function readMetadata(metadata: unknown, id: string): Metadata {
  if (!isObject(metadata)) throw unreadableUpsert(`the metadata of "${id}" is not an object`);
  const size = bytes(JSON.stringify(metadata));
  if (size > METADATA_BYTES) {
    throw new Refusal(40016, `metadata too large for id="${id}"; max is ${METADATA_BYTES} bytes, got ${size} bytes`);
  }
  for (const key of Object.keys(metadata)) {
    if (key === "" || key.startsWith("$") || /[."]/.test(key)) {
      throw new Refusal(40018, `invalid metadata key "${key}" for id="${id}"`);
    }
  }
  return metadata;
}

/** The ids of a read. */
export function readIds(body: string): string[] {
  return ids(body, IDS_A_READ);
}

/** The ids of a deletion. */
export function readDeletedIds(body: string): string[] {
  return ids(body, IDS_A_DELETION);
}

function ids(body: string, most: number): string[] {
  const { ids } = parse(body, unreadable);
  if (!Array.isArray(ids) || !ids.every((id) => typeof id === "string")) throw unreadable("ids: expected strings");
  if (ids.length > most) {
    throw new Refusal(40007, `too many ids in payload; max id count is ${most}, got ${ids.length}`);
  }
  ids.forEach(checkId);
  return ids;
}

/** A query, by a vector or by the id of one. */
export function readQuery(body: string, definition: Definition): Query {
  const record = parse(body, unreadable);
  const { topK = DEFAULT_TOP_K, returnValues = false, returnMetadata = "none", vector, vectorId, namespace } = record;
  if (typeof returnValues !== "boolean") throw unreadable("returnValues: expected a boolean");
  if (returnMetadata !== "none" && returnMetadata !== "indexed" && returnMetadata !== "all") {
    throw unreadable("returnMetadata: expected value");
  }
  const query: Query = {
    topK: readTopK(topK, returnValues || returnMetadata === "all"),
    namespace: namespace === undefined ? undefined : readNamespace(namespace),
    conditions: record.filter === undefined ? [] : readFilter(record.filter, definition),
    returnValues,
    returnMetadata,
  };
  if (vectorId !== undefined) {
    if (typeof vectorId !== "string") throw unreadable("vectorId: expected a string");
    checkId(vectorId);
    query.vectorId = vectorId;
  } else {
    if (!isNumbers(vector)) throw unreadable("vector: expected numbers");
    if (vector.length !== definition.dimensions) {
      throw new Refusal(
        40006,
        `invalid query vector, expected ${definition.dimensions} dimensions, and got ${vector.length} dimensions`,
      );
    }
    query.vector = new Float32Array(vector);
  }
  return query;
}

function readTopK(topK: unknown, withContent: boolean): number {
  if (typeof topK !== "number" || !Number.isInteger(topK) || topK < 1) throw unreadable("topK: expected a count");
  if (topK > TOP_K) throw new Refusal(40025, `max top K is ${TOP_K}, but got ${topK}`);
  if (withContent && topK > TOP_K_WITH_CONTENT) {
    throw new Refusal(
      40025,
      `with returnValues=true or returnMetadata=all, max top K is ${TOP_K_WITH_CONTENT}, but got ${topK}; for a top K ` +
        `up to ${TOP_K}, retry with returnValues=false and returnMetadata=indexed`,
    );
  }
  return topK;
}

function readFilter(filter: unknown, { metadataIndexes }: Definition): Condition[] {
  if (!isObject(filter) || Object.keys(filter).length === 0) throw unreadable("filter: expected a non-empty object");
  const size = bytes(JSON.stringify(filter));
  if (size >= FILTER_BYTES) throw unreadable(`filter: must be less than ${FILTER_BYTES} bytes, got ${size}`);
  const conditions: Condition[] = [];
  for (const [key, wanted] of Object.entries(filter)) {
    if (key === "" || key.startsWith("$") || /["|]/.test(key) || key.length > FILTER_KEY_CHARACTERS) {
      throw unreadable(`filter: invalid key "${key}"`);
    }
    // The service finds nothing, which would look like an index without neighbours.
    if (!Object.hasOwn(metadataIndexes, key)) throw unreadable(`filter: there is no metadata index on "${key}"`);
    const operators = isObject(wanted) ? Object.entries(wanted) : [["$eq", wanted] as const];
    if (operators.length === 0) throw unreadable(`filter: "${key}" has no condition`);
    for (const [operator, value] of operators) conditions.push(readCondition(key, operator, value));
  }
  return conditions;
}

function readCondition(key: string, operator: string, value: unknown): Condition {
  if (!OPERATORS.includes(operator)) throw unreadable(`filter: unknown operator "${operator}"`);
  if (operator === "$in" || operator === "$nin") {
    if (!Array.isArray(value) || !value.every(isScalar)) throw unreadable(`filter: ${operator} needs a list`);
    return { key, operator, value };
  }
  if (!isScalar(value)) throw unreadable(`filter: "${key}" needs a string, number, boolean or null`);
  return { key, operator, value };
}

function readNamespace(namespace: unknown): string {
  if (typeof namespace !== "string") throw unreadable("namespace: expected a string");
  const size = bytes(namespace);
  if (size > NAMESPACE_BYTES) {
    throw new Refusal(40009, `namespace too long; max is ${NAMESPACE_BYTES} bytes, got ${size} bytes`);
  }
  return namespace;
}

function checkId(id: string): void {
  const size = bytes(id);
  if (size > ID_BYTES) throw new Refusal(40008, `id too long; max is ${ID_BYTES} bytes, got ${size} bytes`);
}

function parse(text: string, refuse: (reason: string) => Refusal): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw refuse(error instanceof Error ? error.message : String(error));
  }
  if (!isObject(value)) throw refuse("expected an object");
  return value;
}

function unreadable(reason: string): Refusal {
  return new Refusal(40026, `Failed to parse the request body as JSON: ${reason}`);
}

function unreadableUpsert(reason: string): Refusal {
  return new Refusal(40023, `failed to parse upsert vectors request: ${reason}`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isScalar(value: unknown): value is Scalar {
  return value === null || ["string", "number", "boolean"].includes(typeof value);
}

/** What JavaScript writes for NaN and infinity is null. */
function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => typeof item === "number" && Number.isFinite(Math.fround(item)));
}

function bytes(text: string): number {
  return Buffer.byteLength(text);
}
