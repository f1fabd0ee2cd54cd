/** Refuses vectors that do not fit, before anything is stored. */

import { BrokenVector, DimensionMismatch } from "./errors.ts";
import type { VectorPoint } from "./store.ts";

/** Raises an error unless every point fits a collection of this many dimensions. */
export function checkPoints(collection: string, dimensions: number, points: readonly VectorPoint[]): void {
  for (const { id, values } of points) checkVector(collection, dimensions, values, `the vector of ${id}`);
}

/** Raises an error unless a vector fits a collection of this many dimensions. */
export function checkVector(collection: string, dimensions: number, values: Float32Array, what: string): void {
  if (values.length !== dimensions) throw new DimensionMismatch(collection, dimensions, values.length, what);
  if (!values.every(Number.isFinite)) throw new BrokenVector(what);
}
