// A listener for changes that records its notifications.

import type { ChangeListener } from '../../src/group/origin.ts'

export class RecordingListener implements ChangeListener {
  readonly group = 'users'
  /** As text, oldest first. */
  readonly events: string[] = []
  /** Why the notifications were interrupted, each time. */
  readonly losses: string[] = []
  #wanted = Number.POSITIVE_INFINITY
  #resolve: () => void = () => undefined

  key = (key: Buffer): void => this.#record(`key ${key.toString('utf8')}`)
  tag = (tag: Buffer): void => this.#record(`tag ${tag.toString('utf8')}`)
  all = (): void => this.#record('all')
  gap = (): void => this.#record('gap')
  lost = (error: unknown): void => {
    this.losses.push((error as Error).message)
    this.#record('lost')
  }

  /** Takes all events once there are `count`. */
  async next(count: number): Promise<string[]> {
    if (this.events.length < count) {
      this.#wanted = count
      await new Promise<void>((resolve) => {
        this.#resolve = resolve
      })
    }
    return this.events.splice(0)
  }

  #record(event: string): void {
    this.events.push(event)
    if (this.events.length < this.#wanted) return
    this.#wanted = Number.POSITIVE_INFINITY
    this.#resolve()
  }
}
