// Checks requests and answers about slots that were received from a peer.

import { SLOT_COUNT } from '../bytes/crc16.ts'
import type { Answer, Claim } from './ownership/ownership.ts'

type Unchecked<T> = { readonly [Field in keyof T]?: unknown }

export function isClaim(claim: unknown): claim is Claim {
  if (!isObject(claim)) return false
  const { id, epoch, ask, take } = claim as Unchecked<Claim>
  return Number.isFinite(id) && Number.isFinite(epoch) && [ask, take].every(areSlots)
}

export function isAnswer(answer: unknown): answer is Answer {
  if (!isObject(answer)) return false
  const { granted, given, held } = answer as Unchecked<Answer>
  return [granted, given, held].every(areSlots)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function areSlots(slots: unknown): boolean {
  return (
    Array.isArray(slots) && slots.every((slot) => Number.isInteger(slot) && slot >= 0 && slot < SLOT_COUNT)
  )
}
