// How figures are written in the documentation.

/** A cell without a measurement. */
export const NONE = '–'

export function perSecond(n: number): string {
  return n >= 1e6 ? `${(n / 1e6).toFixed(2)}M/s` : `${Math.round(n / 1000)}k/s`
}

export function times(ratio: number | undefined): string {
  return figure(ratio, 2, ' ×')
}

/** A measured ratio beside the project's goal for it, and whether the goal is missed. */
export function withGoal(shown: string, measured: number, goal: { min?: number; max?: number }): string {
  const { min = -Infinity, max = Infinity } = goal
  const text = goal.min === undefined ? `≤ ${max}` : `≥ ${min}`
  return `${shown} (goal: ${text}${measured < min || measured > max ? ', missed' : ''})`
}

export function figure(value: number | undefined, digits: number, unit: string): string {
  return value === undefined ? NONE : `${value.toFixed(digits)}${unit}`
}

export function count(n: number): string {
  return n.toLocaleString('en-US')
}

/** Bytes as kB or MB, with two or three digits. */
export function bytes(n: number): string {
  if (n < 1000) return `${Math.round(n)} B`
  const [value, unit] = n < 1e6 ? [n / 1000, 'kB'] : n < 1e9 ? [n / 1e6, 'MB'] : [n / 1e9, 'GB']
  return `${value.toFixed(value < 10 ? 1 : 0)} ${unit}`
}
