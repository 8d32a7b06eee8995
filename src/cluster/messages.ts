// Whether what a peer has sent is what it should be.

import { SLOT_COUNT } from '../bytes/crc16.ts'
import type { StateMessage } from './liveness/state.ts'
import type { Answer, Claim } from './ownership/ownership.ts'

type Unchecked<T> = { readonly [Field in keyof T]?: unknown }

export function isState(message: unknown): message is StateMessage {
  if (!isObject(message)) return false
  const { name, runId, serial, epoch, weight, leaving, ...rest } = message as Unchecked<StateMessage>
  const texts = [name, runId]
  const numbers = [serial, epoch, weight]
  const { accused, deposed, alone, hearsay, unknown } = rest
  return (
    texts.every((text) => typeof text === 'string') &&
    numbers.every((number) => Number.isFinite(number)) &&
    typeof leaving === 'boolean' &&
    [accused, deposed, alone, hearsay].every(isObject) &&
    Array.isArray(unknown) &&
    Object.values(hearsay as object).every(isHearsay)
  )
}

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

function isHearsay(hearsay: unknown): boolean {
  if (!isObject(hearsay)) return false
  const { runId, accused, deposed } = hearsay as Record<string, unknown>
  return typeof runId === 'string' && isObject(accused) && isObject(deposed)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function areSlots(slots: unknown): boolean {
  return (
    Array.isArray(slots) && slots.every((slot) => Number.isInteger(slot) && slot >= 0 && slot < SLOT_COUNT)
  )
}
