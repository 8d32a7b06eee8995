// The processor's instruction that counts the bits of 64 at once, which JavaScript reaches through WebAssembly only.
//
// A megabyte takes 0.1 ms, copying it included; counting its words in JavaScript takes several times as long.

/** Counts the bits of bytes that were copied into `memory`: of the first `length`, at most PIECE_BYTES. */
export interface PopulationCount {
  readonly memory: Uint8Array
  readonly count: (length: number) => number
}

/** A page of WebAssembly's memory. */
export const PIECE_BYTES = 65_536

/** Bytes that one round of the loop counts. */
const ROUND_BYTES = 32

const I32 = 0x7f
const I64 = 0x7e
const GET = 0x20
const SET = 0x21
const TEE = 0x22
const END = 0x0b

/** `count(length)`: local 0 is the length, a multiple of ROUND_BYTES above 0, local 1 the address, local 2 the sum. */
const BODY = [
  ...[2, 1, I32, 1, I64], // the types of locals 1 and 2
  ...[0x03, 0x40], // loop
  ...[GET, 2],
  ...popcntAt(0),
  ...[...popcntAt(8), 0x7c], // i64.add
  ...[...popcntAt(16), 0x7c],
  ...[...popcntAt(24), 0x7c, 0x7c],
  ...[SET, 2],
  ...[GET, 1, 0x41, ROUND_BYTES, 0x6a, TEE, 1], // i32.const, i32.add
  ...[GET, 0, 0x49, 0x0d, 0], // i32.lt_u, br_if: the loop again
  END,
  ...[GET, 2, 0xa7], // i32.wrap_i64
  END,
]

const MODULE = Uint8Array.from([
  ...[0x00, ...ascii('asm'), 1, 0, 0, 0],
  ...section(1, [1, 0x60, 1, I32, 1, I32]), // one type of function: i32 → i32
  ...section(3, [1, 0]), // one function, of type 0
  ...section(5, [1, 0, 1]), // one memory, of one page
  ...section(7, [2, ...named('memory'), 2, 0, ...named('count'), 0, 0]), // exports
  ...section(10, [1, BODY.length, ...BODY]),
])

/** i64.popcnt of the word at the address and this offset. */
function popcntAt(offset: number): number[] {
  return [GET, 1, 0x29, 3, offset, 0x7b]
}

function section(id: number, content: readonly number[]): number[] {
  return [id, content.length, ...content]
}

function named(text: string): number[] {
  return [text.length, ...ascii(text)]
}

function ascii(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

/** What this file needs of WebAssembly, whose types belong to the DOM's. */
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (
    module: object,
  ) => {
    readonly exports: { readonly memory: { readonly buffer: ArrayBuffer }; count(length: number): number }
  }
}

/** Null where there is no WebAssembly (`node --jitless`), or no address space left for its memory. */
export function loadPopulationCount(): PopulationCount | null {
  const { WebAssembly } = globalThis as { readonly WebAssembly?: WebAssemblyApi }
  if (WebAssembly === undefined) return null
  try {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(MODULE))
    const memory = new Uint8Array(exports.memory.buffer)
    return {
      memory,
      count(length) {
        const whole = Math.ceil(length / ROUND_BYTES) * ROUND_BYTES
        if (length < whole) memory.fill(0, length, whole)
        return exports.count(whole)
      },
    }
  } catch {
    return null
  }
}
