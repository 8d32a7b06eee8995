// The log: one JSON object per line, or short text on a terminal.

import {
  type DestinationStream,
  destination,
  type LevelWithSilent,
  type Logger,
  pino,
  stdTimeFunctions,
} from 'pino'
import type { Settings } from '../config/settings.ts'

/** Redis's levels in pino's words. */
const LEVELS: Readonly<Record<Settings['loglevel'], LevelWithSilent>> = {
  debug: 'trace',
  verbose: 'debug',
  notice: 'info',
  warning: 'warn',
  nothing: 'silent',
}

const STANDARD_OUTPUT = 1

/** A log that writes synchronously, so that what was said before an exit is there after it. */
export function createLog(
  loglevel: Settings['loglevel'],
  isTerminal: boolean,
  out: DestinationStream = destination({ dest: STANDARD_OUTPUT, sync: true }),
): Logger {
  const options = {
    level: LEVELS[loglevel],
    base: undefined,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  return pino(options, isTerminal ? { write: (line: string) => out.write(asText(line)) } : out)
}

/** `12:00:00.000 warn  message field=value`, and the stack of an error below it. */
export function asText(line: string): string {
  const { time, level, msg = '', err, ...fields } = JSON.parse(line)
  const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${JSON.stringify(value)}`)
  const stack = err?.stack === undefined ? '' : `\n${err.stack}`
  return `${String(time).slice(11, 23)} ${String(level).padEnd(5)} ${msg}${rest.join('')}${stack}\n`
}
