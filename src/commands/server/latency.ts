// LATENCY: latency events, and histograms of each command's latency.

import type { CommandSpec } from '../spec/command.ts'
import { container } from '../spec/container.ts'
import type { Context } from '../spec/context.ts'
import { arg } from '../spec/shorthand.ts'
import { timedCalls } from './latency-histograms.ts'
import { diagnosis, graph } from './latency-report.ts'

const COMMON = {
  flags: ['admin', 'noscript', 'loading', 'stale'],
  categories: ['admin', 'slow', 'dangerous'],
  group: 'server',
  since: '2.8.13',
  complexity: 'O(1)',
  tips: ['nondeterministic_output', 'request_policy:all_nodes', 'response_policy:special'],
} as const

const EVENT = [arg('event', 'string')]

const subcommands: readonly CommandSpec[] = [
  {
    ...COMMON,
    name: 'doctor',
    arity: 2,
    summary: 'Returns a human-readable latency analysis report.',
    run: ({ host, reply }) => reply.verbatim('txt', diagnosis(host.telemetry.events)),
  },
  {
    ...COMMON,
    name: 'graph',
    arity: 3,
    summary: 'Returns a latency graph for an event.',
    arguments: EVENT,
    run({ args, host, instant, reply }) {
      const event = args.latin1(2)
      const series = host.telemetry.events.series.get(event)
      if (series === undefined) reply.error(`ERR No samples available for event '${event}'`, 'latin1')
      else reply.verbatim('txt', graph(event, series, Math.floor(instant.now / 1000)))
    },
  },
  {
    ...COMMON,
    name: 'histogram',
    arity: -2,
    summary: 'Returns the cumulative distribution of latencies of a subset or all commands.',
    since: '7.0.0',
    complexity: 'O(N) where N is the number of commands with latency information being retrieved.',
    arguments: [arg('command', 'string', { optional: true, multiple: true })],
    run: histogram,
  },
  {
    ...COMMON,
    name: 'history',
    arity: 3,
    summary: 'Returns timestamp-latency samples for an event.',
    arguments: EVENT,
    run({ args, host, reply }) {
      const samples = host.telemetry.events.series.get(args.latin1(2))?.samples ?? []
      reply.array(samples.length)
      for (const { second, ms } of samples) {
        reply.array(2)
        reply.integer(second)
        reply.integer(ms)
      }
    },
  },
  {
    ...COMMON,
    name: 'latest',
    arity: 2,
    summary: 'Returns the latest latency samples for all events.',
    run({ host, reply }) {
      const { series } = host.telemetry.events
      reply.array(series.size)
      for (const [event, { samples, max }] of series) {
        const last = samples[samples.length - 1]
        reply.array(4)
        reply.bulkText(event)
        reply.integer(last.second)
        reply.integer(last.ms)
        reply.integer(max)
      }
    },
  },
  {
    ...COMMON,
    name: 'reset',
    arity: -2,
    summary: 'Resets the latency data for one or more events.',
    tips: ['request_policy:all_nodes', 'response_policy:agg_sum'],
    arguments: [arg('event', 'string', { optional: true, multiple: true })],
    run({ args, host, reply }) {
      const { series } = host.telemetry.events
      let count = args.count === 2 ? series.size : 0
      if (args.count === 2) series.clear()
      for (let i = 2; i < args.count; i++) if (series.delete(args.latin1(i))) count++
      reply.integer(count)
    },
  },
]

export const latencyCommands: readonly CommandSpec[] = [
  container({
    name: 'latency',
    flags: [],
    categories: ['slow'],
    summary: 'A container for latency diagnostics commands.',
    since: '2.8.13',
    helpSince: '2.8.13',
    group: 'server',
    subcommands,
  }),
]

/** The name of a container selects all its subcommands. */
function histogram({ args, host, reply }: Context): void {
  const { telemetry } = host
  telemetry.attributeTime()
  const names = Array.from({ length: args.count - 2 }, (_, i) => args.latin1(i + 2).toLowerCase())
  const shown = timedCalls(host).filter(
    ({ name }) =>
      names.length === 0 || names.includes(name.toLowerCase()) || names.includes(name.split('|')[0]),
  )
  reply.map(shown.length)
  for (const { name, calls, histogram: counted } of shown) {
    const buckets = counted.buckets()
    reply.bulkText(name)
    reply.map(2)
    reply.bulkText('calls')
    reply.integer(calls)
    reply.bulkText('histogram_usec')
    reply.map(buckets.length)
    for (const { micros, count } of buckets) {
      reply.integer(micros)
      reply.integer(count)
    }
  }
}
