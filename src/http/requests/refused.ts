// The problems of requests that are refused before they reach a route.

import { type Problem, quote } from '../responses/problem.ts'
import { FOREIGN_HOST, type FOREIGN_ORIGIN } from './origin-check.ts'

/** @param most requests that may have no response yet */
export function overloaded(most: number): Problem {
  const detail = `more than ${most} HTTP requests have no response yet`
  return { status: 503, type: 'overloaded', detail, retryAfter: 1 }
}

/** The methods of a path, including the implied HEAD and OPTIONS. */
export function allowed(methods: readonly string[]): readonly string[] {
  return methods.includes('GET') ? [...new Set([...methods, 'HEAD', 'OPTIONS'])] : [...methods, 'OPTIONS']
}

export function unknownRoute(path: string): Problem {
  return {
    status: 404,
    type: 'unknown-route',
    detail: `there is nothing at ${quote(path)}: values are at /cache/<group>/<key>, all routes in /openapi.json`,
  }
}

export function unknownMethod(method: string, methods: readonly string[]): Problem {
  const detail = `got ${method}, this path has ${allowed(methods).join(', ')}`
  return { status: 405, type: 'unknown-method', detail }
}

export function foreignProblem(type: typeof FOREIGN_HOST | typeof FOREIGN_ORIGIN, host: string): Problem {
  const detail =
    type === FOREIGN_HOST
      ? `the host ${quote(host)} is not accepted by this node: add it to http.hosts`
      : 'a web page of another origin may not send requests: add its origin to http.cors'
  return { status: 403, type, detail }
}
