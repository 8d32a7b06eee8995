// Finds the route of a request by its method and its raw path.

import type { Method, Route } from './route.ts'

/** The raw values of path parameters, in their order in the path. */
type PathValues = readonly string[]

interface Found {
  readonly route: Route
  readonly names: readonly string[]
  readonly values: PathValues
}

/** The path exists, but not with this method. */
interface OtherMethods {
  readonly methods: readonly Method[]
}

/** A path of routes, divided at its slashes. */
interface Pattern {
  /** Fixed text, or `undefined` for a parameter. */
  readonly segments: readonly (string | undefined)[]
  /** The last parameter takes all that follows. */
  readonly takesRest: boolean
  /** The names of its parameters. */
  readonly names: readonly string[]
  readonly routes: Map<Method, Route>
}

const REST = /^\{(\w+)\*\}$/
const PARAMETER = /^\{(\w+)\}$/

/** The names of the parameters in a path. */
function parameterNames(path: string): readonly string[] {
  return [...path.matchAll(/\{(\w+)\*?\}/g)].map(([, name]) => name)
}

export class Router {
  /** By the first segment, which is never a parameter. */
  readonly #patterns = new Map<string, Pattern[]>()

  constructor(routes: readonly Route[]) {
    const byPath = new Map<string, Pattern>()
    for (const route of routes) {
      let pattern = byPath.get(route.path)
      if (pattern === undefined) {
        pattern = patternOf(route.path)
        byPath.set(route.path, pattern)
        const first = pattern.segments[0] ?? ''
        this.#patterns.set(first, [...(this.#patterns.get(first) ?? []), pattern])
      }
      if (pattern.routes.has(route.method)) throw new Error(`two routes for ${route.method} ${route.path}`)
      pattern.routes.set(route.method, route)
    }
  }

  /** @param path raw; one that does not begin with `/` has no route */
  find(method: string, path: string): Found | OtherMethods | undefined {
    if (!path.startsWith('/')) return undefined
    const end = path.indexOf('/', 1)
    const first = end < 0 ? path.slice(1) : path.slice(1, end)
    const patterns = this.#patterns.get(first)
    if (patterns === undefined) return undefined
    let others: Method[] | undefined
    for (const pattern of patterns) {
      const values = match(pattern, path, end)
      if (values === undefined) continue
      const route = pattern.routes.get(method as Method)
      if (route !== undefined) return { route, names: pattern.names, values }
      others = [...(others ?? []), ...pattern.routes.keys()]
    }
    return others && { methods: others }
  }
}

function patternOf(path: string): Pattern {
  const parts = path.split('/').slice(1)
  const takesRest = REST.test(parts[parts.length - 1])
  const segments = parts.map((part) => (PARAMETER.test(part) || REST.test(part) ? undefined : part))
  if (segments[0] === undefined) throw new Error(`the first part of ${path} must be fixed`)
  return { segments, takesRest, names: parameterNames(path), routes: new Map() }
}

/** @param end where the first segment, which matches, ends; -1: at the end of the path */
function match({ segments, takesRest }: Pattern, path: string, end: number): PathValues | undefined {
  const values: string[] = []
  let at = end
  for (let i = 1; i < segments.length; i++) {
    if (at < 0) return undefined
    const from = at + 1
    if (takesRest && i === segments.length - 1) {
      values.push(path.slice(from))
      return values
    }
    at = path.indexOf('/', from)
    const text = at < 0 ? path.slice(from) : path.slice(from, at)
    const segment = segments[i]
    if (segment === undefined) {
      if (text === '') return undefined
      values.push(text)
    } else if (segment !== text) return undefined
  }
  return at < 0 ? values : undefined
}
