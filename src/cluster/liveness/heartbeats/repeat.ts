// A heartbeat that says that nothing has changed: it repeats a state that the receiver has, without sending it again.
//
// VERSIONS. A node numbers its states: a whole message (StateMessage) has the version of its state, and every message
// has the version of the receiver's state that the sender has (`seen`). A node that has seen the present version gets a
// repeat of about 120 bytes, whatever the number of members. One that has not gets the whole message. So a repeat is
// sent only to nodes that understand it: earlier releases send no `seen`.
//
// A receiver that does not have that version, as it has forgotten the sender, answers with another `seen`, and gets the
// whole message at once.

import { isObject, type StateMessage } from '../state.ts'

/** The fields have the meaning that they have in a StateMessage. */
export interface Repeat {
  readonly runId: string
  readonly serial: number
  readonly at: number
  /** The version of the sender's state. */
  readonly repeats: number
  readonly seen: number
  readonly answers?: number
  readonly answersAt?: number
  readonly lease?: number
}

export function isRepeat(value: unknown): value is Repeat {
  if (!isObject(value)) return false
  const {
    runId,
    serial,
    at,
    repeats,
    seen,
    answers = 0,
    answersAt = 0,
    lease = 0,
  } = value as { readonly [Field in keyof Repeat]?: unknown }
  return (
    typeof runId === 'string' &&
    Number.isFinite(serial) &&
    Number.isFinite(at) &&
    Number.isFinite(repeats) &&
    Number.isFinite(seen) &&
    Number.isFinite(answers) &&
    Number.isFinite(answersAt) &&
    Number.isFinite(lease)
  )
}

/** The message that a repeat stands for. `newest`: the newest one of the sender's run. `undefined`: it is not known. */
export function wholeOf(repeat: Repeat, newest: StateMessage | undefined): StateMessage | undefined {
  // An older message has no effect other than showing that the sender is alive.
  if (newest === undefined || (newest.version !== repeat.repeats && newest.serial <= repeat.serial))
    return undefined
  // Field by field: copying with `...` takes more time than everything else that a repeat costs.
  return {
    name: newest.name,
    runId: newest.runId,
    serial: repeat.serial,
    answers: repeat.answers,
    at: repeat.at,
    answersAt: repeat.answersAt,
    lease: repeat.lease,
    epoch: newest.epoch,
    version: newest.version,
    seen: repeat.seen,
    table: newest.table,
    weight: newest.weight,
    leaving: newest.leaving,
    clientPorts: newest.clientPorts,
    suspects: newest.suspects,
    disconnected: newest.disconnected,
    unknown: newest.unknown,
    list: newest.list,
    tombstones: newest.tombstones,
    weakTombstones: newest.weakTombstones,
    gossip: newest.gossip,
  }
}
