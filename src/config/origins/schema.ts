// Reads the `origin` of a group: a function, an object with `load`, or an object with a `kind`.

import { z } from 'zod'
import type { Origin } from '../../group/origin.ts'
import { functionOrigin, type Loader, type LoadFunction } from '../../origin/function.ts'
import { isObject, show, within } from '../readers.ts'
import { identifiedByCode } from './identity.ts'
import { originKinds } from './kinds.ts'

/** Any origin; relative paths start at `directory`. */
export function originSchema(directory: string): z.ZodType<Origin> {
  const kinds = new Map<unknown, z.ZodType<Origin>>(
    originKinds.map(({ kind, schema }) => [kind, schema(directory)]),
  )
  const known = [...kinds.keys()].map(show).join(', ')
  return z.unknown().transform((value, context): Origin => {
    if (typeof value === 'function') return identifiedByCode(functionOrigin(value as LoadFunction), value)
    if (!isObject(value)) {
      const wants = `a function, an object with load, or an object whose kind is one of ${known}`
      context.addIssue({ code: 'custom', message: `got ${show(value)}, wants ${wants}` })
      return z.NEVER
    }
    if (typeof value.load === 'function') {
      const wrong = wrongPart(value)
      if (wrong === undefined) return identifiedByCode(functionOrigin(value as unknown as Loader), value)
      const [name, wanted] = wrong
      const message = `got ${show(value[name])}, wants ${wanted}`
      context.addIssue({ code: 'custom', message, path: [name] })
      return z.NEVER
    }
    const schema = kinds.get(value.kind)
    if (schema === undefined) {
      context.addIssue({
        code: 'custom',
        message: `got ${show(value.kind)}, wants one of ${known}`,
        path: ['kind'],
      })
      return z.NEVER
    }
    return within(context, schema.safeParse(value))
  })
}

/** The optional members of an object with `load`. */
const LOADER_PARTS: Readonly<Record<string, readonly [type: string, wants: string]>> = {
  kind: ['string', 'text'],
  isIdempotent: ['boolean', 'true or false'],
  ...Object.fromEntries(
    ['knows', 'loadMany', 'store', 'remove', 'start', 'listen', 'close'].map((name) => [
      name,
      ['function', 'a function'],
    ]),
  ),
}

/** The first member of the wrong type, and the wanted type; `undefined`: there is none. */
function wrongPart(loader: Record<string, unknown>): readonly [name: string, wants: string] | undefined {
  for (const [name, [type, wants]] of Object.entries(LOADER_PARTS))
    if (loader[name] !== undefined && typeof loader[name] !== type) return [name, wants]
  return undefined
}
