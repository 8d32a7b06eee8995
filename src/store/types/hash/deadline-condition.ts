// The conditions NX, XX, GT and LT of HEXPIRE and similar commands.

export type DeadlineCondition = 'nx' | 'xx' | 'gt' | 'lt' | undefined

/** Whether a field with the deadline `old` (NaN: none, which is later than any) may get `deadline`. */
export function holds(condition: DeadlineCondition, deadline: number, old: number): boolean {
  if (condition === 'nx') return Number.isNaN(old)
  if (condition === 'xx') return !Number.isNaN(old)
  if (condition === 'gt') return deadline > old
  return condition !== 'lt' || !(deadline >= old)
}
