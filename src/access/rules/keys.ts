// Which keys a selector allows, and how they may be used: `~cache:* %R~users:* %W~queue`.

import { Glob } from '../../bytes/glob.ts'
import { READ, READ_AND_WRITE, WRITE } from '../catalog.ts'
import { isWord, patternAfterAll, SYNTAX_ERROR } from './errors.ts'

interface KeyPattern {
  readonly text: string
  readonly glob: Glob
  /** `READ`, `WRITE` or both. */
  access: number
}

const PREFIXES: Readonly<Record<number, string>> = { [READ]: '%R~', [WRITE]: '%W~', [READ_AND_WRITE]: '~' }

/*
 * `~*` replaces all patterns, and a pattern after it is refused. `%RW~*`, also in two steps, is a pattern among others,
 * which happens to match every key (Redis: `ACLSetSelector`).
 */

export class KeyRules {
  /** Whether every key may be read and written. */
  allowsAll = false
  /** The same by `~*` or `allkeys`: there are no patterns. */
  #needsNoPattern = false
  #patterns: KeyPattern[] = []

  copy(): KeyRules {
    const copy = new KeyRules()
    copy.allowsAll = this.allowsAll
    copy.#needsNoPattern = this.#needsNoPattern
    copy.#patterns = this.#patterns.map((pattern) => ({ ...pattern }))
    return copy
  }

  /** Whether a key may be used in a way, a sum of `READ` and `WRITE`. Allocates nothing. */
  allows(bytes: Uint8Array, start: number, end: number, access: number): boolean {
    if (this.allowsAll) return true
    for (let i = 0; i < this.#patterns.length; i++) {
      const pattern = this.#patterns[i]
      if ((pattern.access & access) === access && pattern.glob.matches(bytes, start, end)) return true
    }
    return false
  }

  /** Whether every key may be used in this way. */
  allowsEvery(access: number): boolean {
    if (this.allowsAll) return true
    return this.#patterns.some((pattern) => pattern.text === '*' && (pattern.access & access) === access)
  }

  setAll(isAllowed: boolean): void {
    this.allowsAll = isAllowed
    this.#needsNoPattern = isAllowed
    this.#patterns = []
  }

  /** Applies a rule that begins with '~' or '%'. Returns why it is refused; `undefined`: it is applied. */
  apply(rule: string): string | undefined {
    if (this.#needsNoPattern) return patternAfterAll('keys')
    const [, letters, text] = /^(?:%([RW]{1,2}))?~(.*)$/is.exec(rule) ?? []
    if (text === undefined || !isWord(text)) return SYNTAX_ERROR
    const access = letters === undefined ? READ_AND_WRITE : accessOf(letters.toUpperCase())
    if (access === undefined) return SYNTAX_ERROR
    const known = this.#patterns.find((pattern) => pattern.text === text)
    if (known === undefined) {
      const bytes = Buffer.from(text, 'latin1')
      this.#patterns.push({ text, glob: new Glob(bytes, 0, bytes.length), access })
    } else known.access |= access
    this.allowsAll = this.allowsEvery(READ_AND_WRITE)
    return undefined
  }

  /** `~*` beside other patterns would be refused when it is read again, so `%RW~*` is printed as such there. */
  get text(): string {
    if (this.#needsNoPattern) return '~*'
    const isAlone = this.#patterns.length === 1
    return this.#patterns
      .map(({ text, access }) =>
        text === '*' && access === READ_AND_WRITE && !isAlone ? '%RW~*' : PREFIXES[access] + text,
      )
      .join(' ')
  }
}

function accessOf(letters: string): number | undefined {
  if (letters === 'R') return READ
  if (letters === 'W') return WRITE
  return letters === 'RW' || letters === 'WR' ? READ_AND_WRITE : undefined
}
