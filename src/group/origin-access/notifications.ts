// Applies the change notifications of an origin to its group.

import type { ChangeListener, OriginLog } from '../origin.ts'
import { reasonOf } from '../result.ts'

/** The group that receives the notifications. */
export interface NotifiedGroup {
  readonly name: string
  /** Whether notifications are interrupted at present. */
  isDisconnected: boolean
  sourceChanged(key: Buffer): void
  allSourceChanged(): void
  invalidateTag(tag: Buffer): void
  invalidateLoaded(): void
}

/**
 * The listener of a group. Logs interruptions and their ends, with the name of the group. While a change to another
 * origin is prepared, the new one notifies the group already: a needless invalidation is harmless, a missed one is not.
 */
export class Notifications implements ChangeListener {
  readonly #group: NotifiedGroup
  readonly #log: OriginLog
  #state: 'ahead' | 'current' | 'ended'
  /** Why notifications are interrupted; `undefined`: they are not. */
  interruption: string | undefined

  /** @param isAhead whether the group does not use the origin before `begin` is called */
  constructor(group: NotifiedGroup, log: OriginLog, isAhead: boolean) {
    this.#group = group
    this.#log = log
    this.#state = isAhead ? 'ahead' : 'current'
  }

  get group(): string {
    return this.#group.name
  }

  /** The group uses the origin from now on. `isSeamless`: other notifications have reported all changes until now. */
  begin(isSeamless: boolean): void {
    this.#state = 'current'
    this.#group.isDisconnected = this.interruption !== undefined
    if (!isSeamless || this.interruption !== undefined) this.#group.invalidateLoaded()
  }

  /** The group does not use the origin any more. */
  end(): void {
    this.#state = 'ended'
  }

  key(key: Buffer): void {
    if (this.#state !== 'ended') this.#group.sourceChanged(key)
  }

  tag(tag: Buffer): void {
    if (this.#state !== 'ended') this.#group.invalidateTag(tag)
  }

  all(): void {
    if (this.#state !== 'ended') this.#group.allSourceChanged()
  }

  gap(): void {
    this.interruption = undefined
    if (this.#state !== 'current') return
    if (this.#group.isDisconnected) this.#log.info({}, 'change notifications are received again')
    this.#group.isDisconnected = false
    this.#group.invalidateLoaded()
  }

  lost(error: unknown): void {
    this.interruption = reasonOf(error)
    if (this.#state !== 'current') return
    this.#group.isDisconnected = true
    this.#log.warn({ err: error }, `change notifications are interrupted: ${this.interruption}`)
  }
}
