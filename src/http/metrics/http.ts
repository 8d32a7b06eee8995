// The metrics of HTTP: its connections, and the requests of each route.

import type { HttpStats, RouteStats } from '../../telemetry/http-stats.ts'
import { byLabel, COMMAND_SECONDS, counter, durations, gauge, labelText, type Metric } from './metric.ts'
import type { LabelledSubject } from './text.ts'

export const httpMetrics: readonly Metric<HttpStats>[] = [
  gauge('erinys_http_open_connections', 'Open HTTP connections.', ({ clients }) => clients.size),
  gauge(
    'erinys_http_max_connections',
    'The limit of HTTP connections (http.maxConnections).',
    ({ maxConnections }) => maxConnections,
  ),
  counter('erinys_http_connections_total', 'HTTP connections accepted.', ({ connections }) => connections),
  counter(
    'erinys_http_rejected_connections_total',
    'HTTP connections rejected because there were too many.',
    ({ rejectedConnections }) => rejectedConnections,
  ),
  gauge(
    'erinys_http_active_requests',
    'Requests without a whole response, the one for these metrics included.',
    ({ activeRequests }) => activeRequests,
  ),
  counter(
    'erinys_http_received_bytes_total',
    'Bytes received over HTTP connections.',
    ({ receivedBytes }) => receivedBytes,
  ),
  counter('erinys_http_sent_bytes_total', 'Bytes sent over them.', ({ sentBytes }) => sentBytes),
  gauge(
    'erinys_http_unsent_bytes',
    'Bytes of responses that clients have not read yet.',
    ({ unsentBytes }) => unsentBytes,
  ),
]

/** The labels `method` and `route` tell the routes apart. */
export const routeMetrics: readonly Metric<RouteStats>[] = [
  byLabel(
    'counter',
    'erinys_http_requests_total',
    'status',
    'Requests by the class of their status: `2xx`, `3xx`, `4xx`, `5xx`; `none`: the client was gone before the response.',
    ({ byClass }) => byClass,
  ),
  durations(
    'erinys_http_request_duration_seconds',
    'From the arrival of a request to the end of its response, waits for loads and slow clients included.',
    COMMAND_SECONDS,
    ({ durations }) => durations,
  ),
]

/** Routes with requests. `GET` includes `HEAD`; requests without a route, such as an unknown path, count as `none`. */
export function routesOf({ routes, unrouted }: HttpStats): LabelledSubject<RouteStats>[] {
  return [...routes, unrouted]
    .filter(({ durations }) => durations !== undefined)
    .map((subject) => ({
      subject,
      labels: `${labelText('method', subject.method)},${labelText('route', subject.path)}`,
    }))
}
