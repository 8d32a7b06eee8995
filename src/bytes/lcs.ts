// The longest common subsequence of two byte strings: of several, the one that Redis's LCS command returns.

/** A run of bytes common to both strings: offsets in each, both ends inclusive. */
interface LcsMatch {
  readonly aStart: number
  readonly aEnd: number
  readonly bStart: number
  readonly bEnd: number
}

export interface LcsResult {
  /** The subsequence. Its length is the reply of LCS … LEN. */
  readonly text: Uint8Array
  /** Its runs from last to first, the order of LCS … IDX. The length of a run is `aEnd - aStart + 1`. */
  readonly matches: readonly LcsMatch[]
}

/**
 * Bytes of the table that Redis allocates for strings of these lengths. Redis rejects LCS when they exceed
 * `proto-max-bulk-len`. This implementation needs a 32nd of it, but has the same limit: both reject the same strings,
 * and the time is bounded.
 */
export function lcsTableBytes(aLength: number, bLength: number): number {
  return (aLength + 1) * (bLength + 1) * 4
}

/** Length of the longest common subsequence. Needs two rows of memory. */
export function lcsLength(a: Uint8Array, b: Uint8Array): number {
  return lastRow(a, b, undefined)[b.length]
}

/**
 * The longest common subsequence of `a` and `b`.
 *
 * @param minMatchLength `matches` omits shorter runs (MINMATCHLEN); 0: all. `text` always has them.
 */
export function longestCommonSubsequence(a: Uint8Array, b: Uint8Array, minMatchLength = 0): LcsResult {
  // One bit per pair of prefixes: set if the longer subsequence is that without the last byte of `a`.
  const stride = (b.length + 8) >> 3
  const dropsA = new Uint8Array(stride * (a.length + 1))
  let length = lastRow(a, b, dropsA)[b.length]

  const text = new Uint8Array(length)
  const matches: LcsMatch[] = []
  let i = a.length
  let j = b.length
  // The current run, followed backwards, is a[i, aEnd) and b[j, bEnd); none while aEnd is 0.
  let aEnd = 0
  let bEnd = 0
  const closeRun = (): void => {
    if (aEnd > 0 && aEnd - i >= minMatchLength) {
      matches.push({ aStart: i, aEnd: aEnd - 1, bStart: j, bEnd: bEnd - 1 })
    }
    aEnd = 0
  }
  while (i > 0 && j > 0) {
    if (a[i - 1] === b[j - 1]) {
      if (aEnd === 0) {
        aEnd = i
        bEnd = j
      }
      text[--length] = a[i - 1]
      i--
      j--
    } else {
      closeRun()
      if (dropsA[i * stride + (j >> 3)] & (1 << (j & 7))) i--
      else j--
    }
  }
  closeRun()
  return { text, matches }
}

/** The LCS lengths of `a` and each prefix of `b`. Sets the bits of `dropsA` if given. */
function lastRow(a: Uint8Array, b: Uint8Array, dropsA: Uint8Array | undefined): Uint32Array {
  const width = b.length
  const stride = (width + 8) >> 3
  const row = new Uint32Array(width + 1)
  for (let i = 1; i <= a.length; i++) {
    const byte = a[i - 1]
    // From j on, `row` still has the previous line; `diagonal` is that line at j - 1.
    let diagonal = 0
    let left = 0
    for (let j = 1; j <= width; j++) {
      const above = row[j]
      if (byte === b[j - 1]) {
        left = diagonal + 1
      } else if (above > left) {
        left = above
        if (dropsA) dropsA[i * stride + (j >> 3)] |= 1 << (j & 7)
      }
      row[j] = left
      diagonal = above
    }
  }
  return row
}
