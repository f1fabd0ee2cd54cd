/**
 * Vectors in one block of memory, and their dot products with SIMD: in JavaScript alone, the neighbours of 3,000 pull
 * requests would take the better part of a minute.
 */

const FLOAT_BYTES = 4;
const PAGE_BYTES = 65_536;
/** Numbers that one round of the loop below takes in. */
const ROUND = 8;
const FIRST_SLOTS = 256;

/** Where a vector lies. */
export type Slot = number;

/** Vectors of one size, each in a slot. Slot 0 is for what is compared with the others. */
export class Vectors {
  readonly #dimensions: number;
  readonly #bytes: number;
  readonly #memory: WebAssembly.Memory;
  readonly #dot: (one: number, other: number, otherEnd: number) => number;
  readonly #free: Slot[] = [];
  #slots = 1;

  constructor(dimensions: number) {
    this.#dimensions = dimensions;
    // Slots end with zeros, so that rounds come out even.
    this.#bytes = Math.ceil(dimensions / ROUND) * ROUND * FLOAT_BYTES;
    this.#memory = new WebAssembly.Memory({ initial: Math.ceil((FIRST_SLOTS * this.#bytes) / PAGE_BYTES) });
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(program()), { host: { memory: this.#memory } });
    this.#dot = exports.dot as (one: number, other: number, otherEnd: number) => number;
  }

  add(values: Float32Array): Slot {
    const slot = this.#free.pop() ?? this.#slots++;
    const missing = this.#slots * this.#bytes - this.#memory.buffer.byteLength;
    // A quarter more at a time.
    if (missing > 0) this.#memory.grow(Math.ceil((missing + this.#memory.buffer.byteLength / 4) / PAGE_BYTES));
    this.set(slot, values);
    return slot;
  }

  set(slot: Slot, values: Float32Array): void {
    this.#view(slot).set(values);
  }

  /** A copy. */
  get(slot: Slot): Float32Array {
    return this.#view(slot).slice();
  }

  remove(slot: Slot): void {
    this.#free.push(slot);
  }

  dot(one: Slot, other: Slot): number {
    const start = other * this.#bytes;
    return this.#dot(one * this.#bytes, start, start + this.#bytes);
  }

  #view(slot: Slot): Float32Array {
    return new Float32Array(this.#memory.buffer, slot * this.#bytes, this.#dimensions);
  }
}

/**
 * The program, in WebAssembly's binary form:
 *
 *     (func (export "dot") (param $one i32) (param $other i32) (param $otherEnd i32) (result f32)
 *       (local $even v128) (local $odd v128)
 *       (loop
 *         $even += one[0..4] * other[0..4]; $odd += one[4..8] * other[4..8]; $one += 32; $other += 32;
 *         (br_if 0 (i32.lt_u $other $otherEnd)))
 *       sum of the four lanes of $even + $odd)
 */
function program(): Uint8Array<ArrayBuffer> {
  const [I32, F32, V128] = [0x7f, 0x7d, 0x7b];
  const [ONE, OTHER, OTHER_END, EVEN, ODD] = [0, 1, 2, 3, 4];
  const [F32_ADD, I32_ADD, I32_LESS, BRANCH_IF, LOOP, NO_RESULT, END] = [0x92, 0x6a, 0x49, 0x0d, 0x03, 0x40, 0x0b];
  const F32X4_ADD = [0xfd, 0xe4, 0x01];
  const F32X4_MUL = [0xfd, 0xe6, 0x01];
  const get = (local: number) => [0x20, local];
  const set = (local: number) => [0x21, local];
  const load = (address: number, offset: number) => [...get(address), 0xfd, 0x00, 0x04, offset];
  const lane = (vector: number, index: number) => [...get(vector), 0xfd, 0x1f, index];
  const addProduct = (sum: number, offset: number) => [
    ...[...get(sum), ...load(ONE, offset), ...load(OTHER, offset)],
    ...[...F32X4_MUL, ...F32X4_ADD, ...set(sum)],
  ];
  const advance = (address: number) => [...get(address), 0x41, ROUND * FLOAT_BYTES, I32_ADD, ...set(address)];
  const body = [
    ...[1, 2, V128],
    ...[LOOP, NO_RESULT],
    ...[...addProduct(EVEN, 0), ...addProduct(ODD, 16), ...advance(ONE), ...advance(OTHER)],
    ...[...get(OTHER), ...get(OTHER_END), I32_LESS, BRANCH_IF, 0, END],
    ...[...get(EVEN), ...get(ODD), ...F32X4_ADD, ...set(EVEN)],
    ...[...lane(EVEN, 0), ...lane(EVEN, 1), F32_ADD, ...lane(EVEN, 2), F32_ADD, ...lane(EVEN, 3), F32_ADD, END],
  ];
  const section = (id: number, content: number[]) => [id, ...length(content.length), ...content];
  const text = (value: string) => [value.length, ...Buffer.from(value)];
  return new Uint8Array([
    ...[...Buffer.from("\0asm"), 1, 0, 0, 0],
    ...section(1, [1, 0x60, 3, I32, I32, I32, 1, F32]),
    ...section(2, [1, ...text("host"), ...text("memory"), 0x02, 0, 1]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...text("dot"), 0, 0]),
    ...section(10, [1, ...length(body.length), ...body]),
  ]);
}

/** A number below 2^14 as WebAssembly writes lengths. */
function length(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, value >> 7];
}
