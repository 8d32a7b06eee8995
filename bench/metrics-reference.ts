// The metrics of the sources as Markdown tables.

import { metricFamilies } from '../src/http/metrics/metrics.ts'
import { table } from './reference.ts'

/** Every metric: its name, type, labels and meaning. */
export function metricReference(): string {
  return metricFamilies
    .map(({ title, labels: own, metrics }) => {
      const rows = metrics.map(({ name, type, labels, help }) => {
        return [`\`${name}\``, type, [...own, ...labels].map((each) => `\`${each}\``).join(', '), help]
      })
      return `**${title}**\n\n${table(['Metric', 'Type', 'Labels', 'Meaning'], rows)}`
    })
    .join('\n\n')
}
