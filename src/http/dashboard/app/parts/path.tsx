// EXPLAIN as a picture.

import { stepsOf } from '../steps.ts'
import type { ShownValue } from '../types.ts'

interface PathProps {
  readonly explanation: ShownValue['explanation']
  readonly node: string
  readonly origin: string | null
}

export function ReadPath({ explanation, node, origin }: PathProps) {
  const steps = stepsOf(explanation, node, origin)
  return (
    <ol class="path" aria-label="The path of a read">
      {steps.map(({ title, note, role }) => (
        <li key={title} class={role}>
          <b>{title}</b>
          <span>{note}</span>
          {role === 'answers' && <em>answers</em>}
          {role === 'idle' && <span class="sr">not reached</span>}
        </li>
      ))}
    </ol>
  )
}
