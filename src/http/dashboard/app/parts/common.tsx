// Small parts that all views use.

import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import type { Tone } from '../types.ts'

interface CardProps {
  readonly title: string
  readonly hint?: ComponentChildren
  readonly class?: string
  readonly children: ComponentChildren
}

export function Card({ title, hint, class: extra = '', children }: CardProps) {
  return (
    <section class={`card ${extra}`} aria-label={title}>
      <header class="card-head">
        <h2>{title}</h2>
        {hint !== undefined && <div class="card-hint">{hint}</div>}
      </header>
      {children}
    </section>
  )
}

/** A word with a dot: the colour alone never tells. */
export function Pill({ tone, children }: { readonly tone: Tone; readonly children: ComponentChildren }) {
  return <span class={`pill ${tone}`}>{children}</span>
}

interface BarProps {
  /** 0 to 1. */
  readonly value: number
  readonly label: string
  readonly tone?: Tone
}

export function Bar({ value, label, tone = 'plain' }: BarProps) {
  const shown = Math.min(1, Math.max(0, value))
  return (
    // biome-ignore lint/a11y/useSemanticElements: browsers draw a meter each in its own way
    <div
      class={`bar ${tone}`}
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(shown * 100)}
    >
      <div style={{ width: `${shown * 100}%` }} />
    </div>
  )
}

export function Empty({ children }: { readonly children: ComponentChildren }) {
  return <p class="empty">{children}</p>
}

/** Names with what they stand for. */
export function Facts({ facts }: { readonly facts: readonly (readonly [name: string, value: string])[] }) {
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

/** A column of a table: its title, and the class of figures. */
type Column = readonly [title: string, kind?: 'number']

interface TableProps {
  /** What it shows, for screen readers. */
  readonly label: string
  readonly columns: readonly Column[]
  readonly class?: string
  /** The rows. */
  readonly children: ComponentChildren
}

export function Table({ label, columns, class: extra, children }: TableProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
    <section class="scroll" tabIndex={0} aria-label={label}>
      <table class={extra}>
        <thead>
          <tr>
            {columns.map(([title, kind]) => (
              <th key={title} scope="col" class={kind}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </section>
  )
}

interface SparkProps {
  readonly values: readonly (number | null)[]
  /** The value at the top; by default the largest. */
  readonly top?: number
}

const WIDTH = 120
const HEIGHT = 28

/** A line without axes. It is decoration: the figure beside it tells the same. */
export function Spark({ values, top }: SparkProps) {
  const highest = top ?? Math.max(...values.map((value) => value ?? 0), 0)
  const points = values.map((value, i) => ({
    x: (i / Math.max(1, values.length - 1)) * WIDTH,
    y: value === null ? undefined : HEIGHT - 2 - (highest === 0 ? 0 : value / highest) * (HEIGHT - 4),
  }))
  const path = points
    .map(({ x, y }, i) =>
      y === undefined
        ? ''
        : `${i === 0 || points[i - 1].y === undefined ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`,
    )
    .join('')
  return (
    <svg class="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      <path d={path} vector-effect="non-scaling-stroke" />
    </svg>
  )
}

export interface Question {
  readonly title: string
  readonly text: ComponentChildren
  readonly action: string
  readonly run: () => void
}

interface ConfirmProps {
  readonly question: Question | undefined
  readonly close: () => void
}

/** Asks for confirmation before something that cannot be undone. */
export function Confirm({ question, close }: ConfirmProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    if (question !== undefined) dialog.current?.showModal()
  }, [question])
  if (question === undefined) return null
  const { title, text, action, run } = question
  return (
    <dialog ref={dialog} onClose={close} aria-labelledby="confirm-title">
      <h2 id="confirm-title">{title}</h2>
      <div class="dialog-text">{text}</div>
      <div class="actions">
        <button type="button" class="button" onClick={() => dialog.current?.close()}>
          Cancel
        </button>
        <button
          type="button"
          class="button danger"
          onClick={() => {
            dialog.current?.close()
            run()
          }}
        >
          {action}
        </button>
      </div>
    </dialog>
  )
}
