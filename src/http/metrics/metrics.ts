// All metrics of a node, and their text for a scrape.

import type { Host } from '../../commands/spec/host.ts'
import type { RuntimeStats } from '../../telemetry/runtime-stats.ts'
import { type ClusterView, clusterMetrics, clusterView, type PeerView, peerMetrics } from './cluster.ts'
import { commandMetrics, isUsed } from './commands.ts'
import { groupMetrics } from './groups.ts'
import { httpMetrics, routeMetrics, routesOf } from './http.ts'
import { labelText, type Metric } from './metric.ts'
import { nodeMetrics, nodeView } from './node.ts'
import { type LabelledSubject, type MetricsFormat, MetricsText } from './text.ts'

/** The metrics of one kind of subject, for the documentation. */
export interface MetricFamily {
  readonly title: string
  /** The labels that name the subject; none: there is only one subject. */
  readonly labels: readonly string[]
  readonly metrics: readonly Metric<never>[]
}

export const metricFamilies: readonly MetricFamily[] = [
  { title: 'Groups and their origins', labels: ['group'], metrics: groupMetrics },
  { title: 'Commands', labels: ['command'], metrics: commandMetrics },
  { title: 'HTTP', labels: [], metrics: httpMetrics },
  { title: 'Routes of HTTP', labels: ['method', 'route'], metrics: routeMetrics },
  { title: 'Cluster', labels: [], metrics: clusterMetrics },
  { title: 'Other nodes', labels: ['peer'], metrics: peerMetrics },
  { title: 'Node, process and runtime', labels: [], metrics: nodeMetrics },
]

export class Metrics {
  readonly #host: Host
  readonly runtime: RuntimeStats
  #scrapeSeconds = 0

  constructor(host: Host, runtime: RuntimeStats) {
    this.#host = host
    this.runtime = runtime
  }

  /** The text of all metrics. Reads counters that exist, and takes a few milliseconds for a hundred groups. */
  text(format: MetricsFormat): string {
    const startedAt = performance.now()
    const host = this.#host
    const text = new MetricsText(format)
    writeAll(
      text,
      groupMetrics,
      host.groups.map((subject) => ({ subject, labels: labelText('group', subject.name) })),
    )
    writeAll(
      text,
      commandMetrics,
      host.telemetry.commands
        .filter(isUsed)
        .map((subject) => ({ subject, labels: labelText('command', subject.name) })),
    )
    if (host.http.maxConnections > 0) {
      writeAll(text, httpMetrics, [{ subject: host.http, labels: '' }])
      writeAll(text, routeMetrics, routesOf(host.http))
    }
    const view = host.cluster && clusterView(host.cluster)
    if (view !== undefined) {
      writeAll(text, clusterMetrics, [{ subject: view, labels: '' }])
      writeAll(text, peerMetrics, peersOf(view))
    }
    writeAll(text, nodeMetrics, [{ subject: nodeView(host, this.runtime, this.#scrapeSeconds), labels: '' }])
    const whole = text.end()
    this.#scrapeSeconds = (performance.now() - startedAt) / 1000
    return whole
  }
}

function peersOf({ report, slotCounts }: ClusterView): LabelledSubject<PeerView>[] {
  return report.members
    .filter(({ state }) => state !== 'self')
    .map((member) => ({
      subject: { member, slots: slotCounts[member.index] },
      labels: labelText('peer', member.member.name),
    }))
}

function writeAll<Subject>(
  text: MetricsText,
  metrics: readonly Metric<Subject>[],
  subjects: readonly LabelledSubject<Subject>[],
): void {
  for (const metric of metrics) text.write(metric, subjects)
}
