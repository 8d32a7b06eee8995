// Whether a node is alive, and whether it accepts requests: for containers and load balancers.

import { problem, type Route } from '../route.ts'

const TEXT = { 'text/plain; charset=utf-8': { type: 'string' } }
const TYPE = 'text/plain; charset=utf-8'

export const healthRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/healthz',
    operation: 'isAlive',
    tag: 'Health',
    summary: 'Whether the node is alive.',
    description: 'Answers while the event loop runs, also while the node starts or closes.',
    responses: { 200: { description: 'It is.', content: TEXT } },
    access: 'public',
    handle: (exchange) => exchange.text200(TYPE, 'ok\n'),
  },
  {
    method: 'GET',
    path: '/readyz',
    operation: 'isReady',
    tag: 'Health',
    summary: 'Whether the node accepts requests.',
    description: 'It listens, has joined its cluster if it has one, and is not about to close.',
    responses: {
      200: { description: 'It does.', content: TEXT },
      503: problem('It starts, hands its keys over, or closes: `detail` says which.'),
    },
    access: 'public',
    handle(exchange) {
      const phase = exchange.services.phase()
      if (phase === 'ready') exchange.text200(TYPE, 'ready\n')
      else exchange.problem({ status: 503, type: 'not-ready', detail: `the node is ${phase}`, retryAfter: 1 })
    },
  },
]
