// EXPLAIN as steps: which ones a read takes, and which of them answers.

import { bytes, count, millis } from './format.ts'
import type { ShownValue } from './types.ts'

type Explanation = ShownValue['explanation']

export interface Step {
  readonly title: string
  readonly note: string
  /** `passed`: the read passes it; `answers`; `idle`: it is not reached. */
  readonly role: 'passed' | 'answers' | 'idle'
}

/** The steps of a read, in the order in which it would take them. */
export function stepsOf(explanation: Explanation, node: string, origin: string | null): readonly Step[] {
  const { source, ownerSource, owner, slot } = explanation
  const isRemote = owner !== 'self' && owner !== null
  const answering = source === 'peer' ? (ownerSource ?? null) : source
  const steps: Step[] = [
    { title: 'Client', note: 'sends GET', role: 'passed' },
    {
      title: isRemote ? 'This node' : `Owner`,
      note: isRemote ? breakable(node) : `${breakable(node)}, slot ${slot ?? '?'}`,
      role: 'passed',
    },
  ]
  if (isRemote) {
    const isCopy = source === 'copy'
    steps.push({
      title: 'Hot copy',
      note: isCopy ? 'held here' : 'none here',
      role: isCopy ? 'answers' : source === 'moved' ? 'idle' : 'passed',
    })
    steps.push({
      title: 'Owner',
      note: `${breakable(owner)}, slot ${slot ?? '?'}`,
      role: isCopy ? 'idle' : source === 'moved' ? 'answers' : 'passed',
    })
  }
  const isBefore = source === 'copy' || source === 'moved'
  const inMemory = answering === 'memory' || answering === 'absence'
  steps.push({
    title: 'Memory',
    note: memoryNote(explanation),
    role: isBefore ? 'idle' : inMemory ? 'answers' : 'passed',
  })
  if (origin === null) {
    if (answering === 'nowhere') steps.push({ title: 'Nil', note: 'there is no origin', role: 'answers' })
    return steps
  }
  const isLoading = answering === 'flight'
  steps.push({
    title: 'Load',
    note: isLoading
      ? `running for ${millis(explanation.flightMs ?? 0)}, ${count(explanation.waiters)} wait`
      : answering === 'origin'
        ? 'would be started'
        : 'none needed',
    role: isLoading ? 'answers' : answering === 'origin' ? 'passed' : 'idle',
  })
  steps.push({
    title: 'Origin',
    note: origin,
    role: answering === 'origin' ? 'answers' : isLoading ? 'passed' : 'idle',
  })
  return steps
}

function memoryNote({ state, ageMs, bytes: size }: Explanation): string {
  switch (state) {
    case 'fresh':
    case 'stale':
      return ageMs === null ? `${state}, ${bytes(size)}` : `${state}, ${millis(ageMs)} old`
    case 'absent':
      return 'known to be absent'
    case 'none':
      return 'nothing cached'
    default:
      return 'not known'
  }
}

/** An address may break before its port: in narrow steps it does not fit on one line. */
function breakable(address: string): string {
  return address.replace(/:(?=\d+$)/, ':\u200b')
}
