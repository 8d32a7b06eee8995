// The closest match of a mistyped word, for error messages that suggest one.

/**
 * The candidate with the smallest edit distance from `word`, ignoring case (an insertion, a deletion, a substitution and a
 * transposition count one each); undefined: every distance exceeds a third of the candidate's length.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined
  let least = Number.POSITIVE_INFINITY
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) > candidate.length / 3) continue
    const edits = distance(word.toLowerCase(), candidate.toLowerCase())
    if (edits <= candidate.length / 3 && edits < least) {
      best = candidate
      least = edits
    }
  }
  return best
}

/** Optimal string alignment distance, with three rows of its table. */
function distance(a: string, b: string): number {
  let before: number[] = []
  let above = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = above[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)
      row[j] = Math.min(replaced, above[j] + 1, row[j - 1] + 1)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        row[j] = Math.min(row[j], before[j - 2] + 1)
      }
    }
    before = above
    above = row
  }
  return above[b.length]
}
