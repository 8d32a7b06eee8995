// Which channels a selector allows: `&news:*`. They are kept and printed: no command has channels yet.

import { isWord, patternAfterAll, SYNTAX_ERROR } from './errors.ts'

export class ChannelRules {
  allowsAll: boolean
  readonly #patterns: Set<string>

  constructor(allowsAll: boolean, patterns: Iterable<string> = []) {
    this.allowsAll = allowsAll
    this.#patterns = new Set(patterns)
  }

  copy(): ChannelRules {
    return new ChannelRules(this.allowsAll, this.#patterns)
  }

  setAll(isAllowed: boolean): void {
    this.allowsAll = isAllowed
    this.#patterns.clear()
  }

  /** Applies a rule that begins with '&'. Returns why it is refused; `undefined`: it is applied. */
  apply(rule: string): string | undefined {
    if (this.allowsAll) return patternAfterAll('channels')
    const text = rule.slice(1)
    if (!isWord(text)) return SYNTAX_ERROR
    this.#patterns.add(text)
    return undefined
  }

  get text(): string {
    return this.allowsAll ? '&*' : [...this.#patterns].map((text) => `&${text}`).join(' ')
  }
}
