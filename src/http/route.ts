// A route as data beside its handler. The router, the access check and the OpenAPI document derive from it.

import type { Exchange } from './exchange.ts'

/** A route for GET answers HEAD, too. */
export type Method = 'GET' | 'PUT' | 'POST' | 'DELETE' | 'PURGE'

/** A JSON schema of the kind that OpenAPI 3.1 has. */
type Schema = { readonly [keyword: string]: unknown }

export interface RouteParameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly description: string
  readonly required?: true
  readonly schema?: Schema
}

export interface RouteResponse {
  readonly description: string
  /** By media type; without it there is no body. Problems need none: see `problem`. */
  readonly content?: Readonly<Record<string, Schema>>
  readonly headers?: Readonly<Record<string, string>>
}

/** The command that a route stands for: a user that may run it may use the route. */
interface Access {
  /** A command's full name, as ACL rules have it: `get`, `cluster|info`. */
  readonly command: string
  /** What it is about: the path parameters `group` and `key`. */
  readonly of?: 'group' | 'key'
  /**
   * The first argument that the route gives the command, where rules may name it: the key (by default, if the route is
   * about one), or one that depends on the request, which is left to the check of the command.
   */
  readonly first?: 'any'
}

export interface Route {
  readonly method: Method
  /** `/groups/{group}`; a last `{key*}` takes the rest of the path, slashes included. */
  readonly path: string
  /** The operation's name in OpenAPI: unique. */
  readonly operation: string
  readonly tag: string
  readonly summary: string
  readonly description?: string
  readonly parameters?: readonly RouteParameter[]
  readonly body?: { readonly description: string; readonly content: Readonly<Record<string, Schema>> }
  /** By status. Those that every route has (400, 401, 403, 405…) are added. */
  readonly responses: Readonly<Record<number, RouteResponse>>
  /** `public`: without credentials. */
  readonly access: 'public' | Access
  handle(exchange: Exchange): void | Promise<void>
}

/** The response of a problem (RFC 9457). */
export function problem(description: string): RouteResponse {
  return { description, content: { 'application/problem+json': { $ref: '#/components/schemas/Problem' } } }
}
