// The OpenAPI 3.1 document of all routes. Nothing in it is written by hand twice.

import { PROBLEMS } from './responses/problem.ts'
import { problem, type Route, type RouteParameter, type RouteResponse } from './route.ts'

/** What every route may answer. */
const COMMON: Readonly<Record<number, RouteResponse>> = {
  400: problem('The request is malformed (`bad-request`), or the command was rejected (`rejected`).'),
  403: problem('The host or the web origin is foreign, or the user may not do this.'),
}

const PROTECTED: Readonly<Record<number, RouteResponse>> = {
  401: problem('Credentials are needed, or wrong.'),
}

/** OpenAPI has no operation for this method: such routes are under `x-purge`. */
const OTHER_METHODS: ReadonlySet<string> = new Set(['PURGE'])

export function openApiOf(routes: readonly Route[], version: string): object {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const route of routes) {
    // A path parameter with slashes: OpenAPI cannot say that, its description does.
    const path = route.path.replaceAll('*}', '}')
    paths[path] ??= {}
    const method = route.method.toLowerCase()
    const name = OTHER_METHODS.has(route.method) ? `x-${method}` : method
    paths[path][name] = operationOf(route)
    if (route.method === 'GET')
      paths[path].head = {
        ...operationOf(route),
        operationId: `${route.operation}Head`,
        summary: `${route.summary} Only the headers.`,
      }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Erinys',
      version,
      description: 'A read-through distributed cache over HTTP.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    tags: [...new Set(routes.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        basic: { type: 'http', scheme: 'basic' },
        bearer: { type: 'http', scheme: 'bearer' },
      },
      schemas: { Problem: PROBLEM },
    },
  }
}

const PROBLEM = {
  description: 'A problem (RFC 9457).',
  type: 'object',
  required: ['type', 'title', 'status', 'detail'],
  properties: {
    type: { enum: Object.keys(PROBLEMS).map((type) => `urn:erinys:problem:${type}`) },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
  },
}

function operationOf(route: Route): object {
  const { operation, tag, summary, description, parameters = [], body, responses, access } = route
  const all = { ...COMMON, ...(access === 'public' ? {} : PROTECTED), ...responses }
  return {
    operationId: operation,
    tags: [tag],
    summary,
    ...(description !== undefined && { description }),
    ...(parameters.length > 0 && { parameters: parameters.map(parameterOf) }),
    ...(body !== undefined && {
      requestBody: { required: true, description: body.description, content: contentOf(body.content) },
    }),
    responses: Object.fromEntries(Object.entries(all).map(([status, each]) => [status, responseOf(each)])),
    // Credentials are needed only where the node has users or a password.
    security: access === 'public' ? [] : [{}, { basic: [] }, { bearer: [] }],
    ...(access !== 'public' && { 'x-command': access.command }),
  }
}

function parameterOf({ name, in: place, description, required, schema }: RouteParameter): object {
  return { name, in: place, description, required: required === true, schema: schema ?? { type: 'string' } }
}

function responseOf({ description, content, headers }: RouteResponse): object {
  return {
    description,
    ...(content !== undefined && { content: contentOf(content) }),
    ...(headers !== undefined && {
      headers: Object.fromEntries(
        Object.entries(headers).map(([name, text]) => [
          name,
          { description: text, schema: { type: 'string' } },
        ]),
      ),
    }),
  }
}

function contentOf(content: Readonly<Record<string, object>>): object {
  return Object.fromEntries(Object.entries(content).map(([type, schema]) => [type, { schema }]))
}
