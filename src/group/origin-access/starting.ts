// The start of an origin, and its log.

import { plainError } from '../../telemetry/plain-error.ts'
import type { Origin, OriginLog } from '../origin.ts'

/** The end of the warning that origins log when a node starts and the source does not answer. */
const LOADS_FAIL = ', loads fail until it does'

/**
 * Starts an origin that is to replace a working one. A source that does not answer is an error here, while it is only a
 * warning when a node starts.
 */
export async function startStrictly(origin: Origin, log: OriginLog): Promise<void> {
  let warning: string | undefined
  let isStarting = true
  const strict: OriginLog = {
    info: (fields, message) => log.info(fields, message),
    warn: (fields, message) => {
      if (isStarting) warning ??= message
      else log.warn(fields, message)
    },
  }
  await origin.start?.(strict)
  isStarting = false
  if (warning !== undefined) throw new Error(warning.replace(LOADS_FAIL, ''))
}

/** A log whose messages name the group, and whose errors are reduced by `plainError`. */
export function prefixedLog(group: string, log: OriginLog): OriginLog {
  const plain = (fields: object): object =>
    'err' in fields ? { ...fields, err: plainError(fields.err), group } : { ...fields, group }
  return {
    info: (fields, message) => log.info(plain(fields), `group ${group}: ${message}`),
    warn: (fields, message) => log.warn(plain(fields), `group ${group}: ${message}`),
  }
}
