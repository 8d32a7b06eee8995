// A listener for changes that takes down what it is told.

import type { ChangeListener } from '../../src/group/origin.ts'

export class Told implements ChangeListener {
  readonly group = 'users'
  /** In words, the oldest first. */
  readonly words: string[] = []
  /** Why nothing is heard, each time. */
  readonly losses: string[] = []
  #wanted = Number.POSITIVE_INFINITY
  #resolve: () => void = () => undefined

  key = (key: Buffer): void => this.#tell(`key ${key.toString('utf8')}`)
  tag = (tag: Buffer): void => this.#tell(`tag ${tag.toString('utf8')}`)
  all = (): void => this.#tell('all')
  gap = (): void => this.#tell('gap')
  lost = (error: unknown): void => {
    this.losses.push((error as Error).message)
    this.#tell('lost')
  }

  /** Takes what was told once it is so much. */
  async next(count: number): Promise<string[]> {
    if (this.words.length < count) {
      this.#wanted = count
      await new Promise<void>((resolve) => {
        this.#resolve = resolve
      })
    }
    return this.words.splice(0)
  }

  #tell(what: string): void {
    this.words.push(what)
    if (this.words.length < this.#wanted) return
    this.#wanted = Number.POSITIVE_INFINITY
    this.#resolve()
  }
}
