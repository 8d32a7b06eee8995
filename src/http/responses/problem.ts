// Problems as responses: `application/problem+json` (RFC 9457), and the problem that each error reply becomes.

export interface Problem {
  readonly status: number
  /** The last part of the type: `urn:erinys:problem:<type>`. */
  readonly type: ProblemType
  readonly detail: string
  /** Seconds, for 503. */
  readonly retryAfter?: number
  /** The user that lacks a permission: a page offers to log in as another one. */
  readonly user?: string
}

/** Every type of problem, with its title. */
export const PROBLEMS = {
  'bad-request': 'The request is malformed',
  unauthorized: 'Credentials are needed',
  forbidden: 'The user may not do this',
  'foreign-host': 'The host name is not one of this node',
  'foreign-origin': 'Pages of another web origin may not do this',
  'unknown-route': 'There is nothing at this path',
  'unknown-method': 'This path does not have this method',
  'unknown-group': 'There is no such group',
  absent: 'There is no such key',
  'not-text': 'The value has bytes that JSON cannot express',
  'precondition-failed': 'The condition of the request is not met',
  'unsupported-condition': 'The condition of the request is not supported',
  'too-large': 'The body or the entry is too large',
  'unsupported-media-type': 'The coding of the body is not supported',
  'range-not-satisfiable': 'The value has no such bytes',
  'writes-refused': 'The group refuses writes',
  rejected: 'The command was rejected',
  'internal-error': 'The node has failed',
  'origin-failed': 'The origin has failed',
  'origin-unavailable': 'The origin is not being called',
  'origin-timeout': 'The origin has not answered in time',
  'peer-down': 'The node that owns the key cannot be reached',
  overloaded: 'The node is overloaded',
  'not-ready': 'The node accepts no requests',
  closing: 'The node is closing',
} as const

type ProblemType = keyof typeof PROBLEMS

export const PROBLEM_JSON = 'application/problem+json'

export const INTERNAL_ERROR: Problem = {
  status: 500,
  type: 'internal-error',
  detail: 'the log of the node has the reason',
}

const URN = 'urn:erinys:problem:'

/** The body of a problem. */
export function problemBody({ status, type, detail }: Problem): string {
  return `${JSON.stringify({ type: URN + type, title: PROBLEMS[type], status, detail })}\n`
}

/** The reasons of the governor and of the limit of waits: see `group/governor` and `group/flights`. */
const BREAKER = /^circuit breaker (?:open for (\d+) ms|half-open)/
const OVERLOADED = /^overloaded: /
const TIMEOUT = /^(timed out after \d+ ms|no answer from the origin within \d+ ms)/
const REFUSES = /^group \S+ refuses writes: /

const ERROR_REPLY = 0x2d

/** The problem for a reply that is an error; `undefined`: it is not an error. */
export function problemIn(reply: Buffer): Problem | undefined {
  return reply[0] === ERROR_REPLY ? problemOf(reply.toString('utf8', 1, reply.length - 2)) : undefined
}

/** The problem for an error reply, without its `-`. */
export function problemOf(error: string): Problem {
  const [, code, detail] = /^(\S+) ?(.*)$/s.exec(error) ?? ['', '', error]
  switch (code) {
    case 'ORIGIN':
      return originProblem(detail)
    case 'PEERDOWN':
    case 'CLUSTERDOWN':
    case 'TRYAGAIN':
      return { status: 503, type: 'peer-down', detail, retryAfter: 1 }
    case 'NOAUTH':
      return { status: 401, type: 'unauthorized', detail }
    case 'NOPERM':
      return { status: 403, type: 'forbidden', detail }
    case 'OOM':
      return { status: 413, type: 'too-large', detail }
    case 'ERR':
      if (REFUSES.test(detail)) return { status: 403, type: 'writes-refused', detail }
      return detail === 'internal error' ? INTERNAL_ERROR : { status: 400, type: 'rejected', detail }
    default:
      return { status: 400, type: 'rejected', detail: error }
  }
}

/** `detail`: `<group>: <reason>`. */
function originProblem(detail: string): Problem {
  const reason = detail.slice(detail.indexOf(': ') + 2)
  const breaker = BREAKER.exec(reason)
  if (breaker !== null) {
    const retryAfter = Math.max(1, Math.ceil(Number(breaker[1] ?? 0) / 1000))
    return { status: 503, type: 'origin-unavailable', detail, retryAfter }
  }
  if (OVERLOADED.test(reason)) return { status: 503, type: 'origin-unavailable', detail, retryAfter: 1 }
  if (TIMEOUT.test(reason)) return { status: 504, type: 'origin-timeout', detail }
  return { status: 502, type: 'origin-failed', detail }
}

/** Quotes a part of a request in a detail, shortened. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
}
