// What change notifications of an origin do to its group.

import { plainError } from '../telemetry/plain-error.ts'
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

/** The listener of a group. Interruptions and their ends are logged. */
export function notificationListener(group: NotifiedGroup, log: OriginLog): ChangeListener {
  const { name } = group
  return {
    group: name,
    key: (key) => group.sourceChanged(key),
    tag: (tag) => group.invalidateTag(tag),
    all: () => group.allSourceChanged(),
    gap: () => {
      if (group.isDisconnected)
        log.info({ group: name }, `group ${name}: change notifications are received again`)
      group.isDisconnected = false
      group.invalidateLoaded()
    },
    lost: (error) => {
      group.isDisconnected = true
      const message = `group ${name}: change notifications are interrupted: ${reasonOf(error)}`
      log.warn({ err: plainError(error), group: name }, message)
    },
  }
}

/** A log whose messages name the group, and whose errors are plain ones. */
export function prefixedLog(group: string, log: OriginLog): OriginLog {
  const plain = (fields: object): object =>
    'err' in fields ? { ...fields, err: plainError(fields.err), group } : { ...fields, group }
  return {
    info: (fields, message) => log.info(plain(fields), `group ${group}: ${message}`),
    warn: (fields, message) => log.warn(plain(fields), `group ${group}: ${message}`),
  }
}
