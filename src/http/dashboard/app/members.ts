// The states of the members of a cluster, in words.

import { seconds } from './format.ts'
import type { ClusterState, MemberState, Tone } from './types.ts'

interface StateWords {
  readonly word: string
  readonly tone: Tone
  /** What it means; '': the word says all. */
  readonly meaning: string
}

const WORDS: Readonly<Record<string, StateWords>> = {
  self: { word: 'this node', tone: 'good', meaning: '' },
  up: { word: 'up', tone: 'good', meaning: '' },
  leaving: { word: 'leaving', tone: 'warn', meaning: 'hands its keys over' },
  suspect: { word: 'suspect', tone: 'warn', meaning: 'answers, but owns no keys yet' },
  down: { word: 'down', tone: 'bad', meaning: 'does not answer' },
  left: { word: 'left', tone: 'idle', meaning: 'handed its keys over and stopped' },
  unknown: { word: 'not reached', tone: 'warn', meaning: 'has not answered yet' },
  unlisted: { word: 'gone', tone: 'idle', meaning: 'is no longer listed' },
}

export function wordsOf({ state }: Pick<MemberState, 'state'>): StateWords {
  return WORDS[state] ?? { word: state, tone: 'idle', meaning: '' }
}

/** What its state means, and since when. @param at now, in milliseconds since the epoch */
export function meaningOf(member: Pick<MemberState, 'state' | 'since' | 'wasDown'>, at: number): string {
  const { since, wasDown } = member
  const span = since === null ? '' : ` for ${seconds(Math.max(0, Math.floor((at - since) / 1000)))}`
  if (member.state === 'up') return wasDown ? `again${span}; was down` : ''
  const { meaning } = wordsOf(member)
  return meaning === '' ? '' : `${meaning}${span}`
}

/** A sentence about the members that do not answer; `undefined`: all do. */
export function problemOf({ members }: ClusterState): string | undefined {
  const names = members.filter(({ state }) => state === 'down').map(({ name }) => name)
  if (names.length === 0) return undefined
  const shown = names.slice(0, MAX_NAMES).join(', ')
  const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : ''
  return names.length === 1
    ? `Node ${shown} is down: it does not answer.`
    : `${names.length} nodes are down: ${shown}${more} do not answer.`
}

const MAX_NAMES = 3
