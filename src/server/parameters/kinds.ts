// The kinds of parameters: which of them CONFIG SET changes, and what it accepts for the others.

import type { Apply, Parameter } from '../../commands/spec/parameter.ts'
import type { Accept } from './values.ts'

/** A parameter that can be set while the server runs. */
export function variable<Value>(
  name: string,
  get: () => string | number,
  accept: Accept<Value>,
  use: (value: Value) => void,
): Parameter {
  return {
    name,
    get: () => String(get()),
    accept: (text) => accept(text, use),
  }
}

/** A parameter that can be changed in Redis and has only one valid value here. */
export function only(name: string, value: string, error: string): Parameter {
  const accept = (text: string): string | Apply => (text.toLowerCase() === value ? () => {} : error)
  return { name, get: () => value, accept }
}

/** A parameter that can be changed in Redis, and here only before the start: CONFIG SET accepts the value that it has. */
export function settled(name: string, get: () => string | number): Parameter {
  const accept = (text: string): string | Apply =>
    text === String(get()) ? () => undefined : "can't set immutable config"
  return { name, get: () => String(get()), accept }
}

/** A parameter that cannot be changed in Redis either. */
export function fixed(name: string, get: () => string | number): Parameter {
  return { name, get: () => String(get()) }
}
