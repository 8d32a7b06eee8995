// The query of a request about a group: a `?` that was meant as a part of the key must not name another key.

import { quote } from '../responses/problem.ts'
import type { Route } from '../route.ts'
import { BadRequestError } from './target.ts'

/** @throws BadRequestError for a parameter that the route does not have, or that is given twice */
export function checkQuery(query: string, { path, parameters = [] }: Route): void {
  if (!path.includes('{group}')) return
  const known = parameters.filter((each) => each.in === 'query').map(({ name }) => name)
  const seen = new Set<string>()
  for (const name of new URLSearchParams(query).keys()) {
    if (!known.includes(name)) {
      const names = known.length === 0 ? 'none' : known.join(', ')
      const inKey = path.includes('{key*}') ? '; in a key, ? is written %3F' : ''
      throw new BadRequestError(`there is no parameter ${quote(name)} here, known: ${names}${inKey}`)
    }
    if (seen.has(name)) throw new BadRequestError(`the parameter ${name} is given twice`)
    seen.add(name)
  }
}
