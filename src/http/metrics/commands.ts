// The metrics of a command.

import type { CommandStats } from '../../telemetry/telemetry.ts'
import { COMMAND_SECONDS, counter, durations, type Metric } from './metric.ts'

export const commandMetrics: readonly Metric<CommandStats>[] = [
  counter(
    'erinys_command_calls_total',
    'Calls, including those that other nodes forward for their clients.',
    ({ calls }) => calls,
  ),
  counter(
    'erinys_command_rejected_calls_total',
    'Calls rejected before they ran: wrong number of arguments, no permission.',
    ({ rejectedCalls }) => rejectedCalls,
  ),
  counter(
    'erinys_command_failed_calls_total',
    'Calls that replied with an error.',
    ({ failedCalls }) => failedCalls,
  ),
  durations(
    'erinys_command_duration_seconds',
    'CPU time of calls, without waits for loads and other nodes. Commands of constant time share that of the requests ' +
      'that were received together. Not recorded while latency-tracking is off.',
    COMMAND_SECONDS,
    ({ histogram }) => histogram,
  ),
]

/** Whether a command has metrics: of hundreds of commands, a program uses only a few. */
export function isUsed({ calls, rejectedCalls, failedCalls }: CommandStats): boolean {
  return calls + rejectedCalls + failedCalls > 0
}
