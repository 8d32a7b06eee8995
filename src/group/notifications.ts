// What change notifications of an origin do to its group.

import type { ChangeListener, OriginLog } from './origin.ts'
import { reasonOf } from './result.ts'

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

/** The listener of a group. Interruptions and their ends are logged; messages of `log` name the group. */
export function notificationListener(group: NotifiedGroup, log: OriginLog): ChangeListener {
  return {
    group: group.name,
    key: (key) => group.sourceChanged(key),
    tag: (tag) => group.invalidateTag(tag),
    all: () => group.allSourceChanged(),
    gap: () => {
      if (group.isDisconnected) log.info({}, 'change notifications are received again')
      group.isDisconnected = false
      group.invalidateLoaded()
    },
    lost: (error) => {
      group.isDisconnected = true
      log.warn({ err: error }, `change notifications are interrupted: ${reasonOf(error)}`)
    },
  }
}
