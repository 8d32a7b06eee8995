// Validates ownership requests and replies that were received from a peer.

import { SLOT_COUNT } from '../bytes/crc16.ts'
import { isObject, type Tombstone } from './liveness/state.ts'
import type { OwnershipReply, OwnershipRequest } from './ownership/protocol.ts'

type Unchecked<T> = { readonly [Field in keyof T]?: unknown }

export function isOwnershipRequest(request: unknown): request is OwnershipRequest {
  if (!isObject(request)) return false
  const { id, epoch, ask, take, tombstone } = request as Unchecked<OwnershipRequest>
  return (
    Number.isFinite(id) && Number.isFinite(epoch) && [ask, take].every(areSlots) && isTombstone(tombstone)
  )
}

export function isOwnershipReply(reply: unknown): reply is OwnershipReply {
  if (!isObject(reply)) return false
  const { granted, given, held, tombstone } = reply as Unchecked<OwnershipReply>
  return [granted, given, held].every(areSlots) && isTombstone(tombstone)
}

function isTombstone(value: unknown): boolean {
  if (value === undefined) return true
  if (!isObject(value)) return false
  const { runId, count } = value as Unchecked<Tombstone>
  return typeof runId === 'string' && Number.isFinite(count)
}

export function areSlots(slots: unknown): boolean {
  return (
    Array.isArray(slots) && slots.every((slot) => Number.isInteger(slot) && slot >= 0 && slot < SLOT_COUNT)
  )
}
