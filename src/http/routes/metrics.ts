// The metrics of the node, for Prometheus.

import { CONTENT_TYPES, formatFor } from '../metrics/text.ts'
import type { Route } from '../route.ts'

const TEXT = { type: 'string' }

export const metricsRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/metrics',
    operation: 'readMetrics',
    tag: 'Metrics',
    summary: 'The metrics of the node.',
    description: 'In the text format of Prometheus, or as OpenMetrics if the header Accept names it.',
    parameters: [
      {
        name: 'Accept',
        in: 'header',
        description: '`application/openmetrics-text` for OpenMetrics.',
        schema: TEXT,
      },
    ],
    responses: {
      200: {
        description: 'All metrics.',
        content: { [CONTENT_TYPES.prometheus]: TEXT, [CONTENT_TYPES.openmetrics]: TEXT },
      },
    },
    access: { command: 'info' },
    handle(exchange) {
      const format = formatFor(exchange.header('accept'))
      exchange.text200(CONTENT_TYPES[format], exchange.services.metrics.text(format))
    },
  },
]
