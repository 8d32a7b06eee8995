// The log: one JSON object per line, or short text on a terminal.

import {
  type DestinationStream,
  type LevelWithSilent,
  type Logger,
  pino,
  stdSerializers,
  stdTimeFunctions,
} from 'pino'
import type { Settings } from '../config/settings.ts'
import { plainError } from '../telemetry/plain-error.ts'
import { LogOutput } from './log-output.ts'

/** Redis's levels in pino's words. */
const LEVELS: Readonly<Record<Settings['loglevel'], LevelWithSilent>> = {
  debug: 'trace',
  verbose: 'debug',
  notice: 'info',
  warning: 'warn',
  nothing: 'silent',
}

const STANDARD_OUTPUT = 1

/** A log with the number of lines that could not be written. */
export type CountingLog = Logger & { readonly droppedLines: number }

/** The log of this process, on standard output. */
export function createProcessLog(loglevel: Settings['loglevel'], isTerminal: boolean): CountingLog {
  const out = new LogOutput(STANDARD_OUTPUT)
  const log = createLog(loglevel, isTerminal, out)
  out.recovered = (lost, reason) =>
    log.warn({ lost, reason }, `${lost} lines of the log could not be written and are lost`)
  process.on('exit', () => out.flushSync())
  return Object.defineProperty(log, 'droppedLines', { get: () => out.dropped }) as CountingLog
}

export function createLog(
  loglevel: Settings['loglevel'],
  isTerminal: boolean,
  out: DestinationStream,
): Logger {
  const options = {
    level: LEVELS[loglevel],
    base: undefined,
    timestamp: stdTimeFunctions.isoTime,
    serializers: { err: (error: unknown) => stdSerializers.err(plainError(error, true) as Error) },
    formatters: { level: (label: string) => ({ level: label }) },
  }
  return pino(options, isTerminal ? { write: (line: string) => out.write(asText(line)) } : out)
}

/** `12:00:00.000 warn  message field=value`, and the stack of an error below it. Fields that the message names are left out. */
export function asText(line: string): string {
  const { time, level, msg = '', err, ...fields } = JSON.parse(line)
  const rest = Object.entries(fields)
    .filter(([name, value]) => name !== 'pid' && !isNamed(String(msg), value))
    .map(([name, value]) => ` ${name}=${JSON.stringify(value)}`)
  // A stack of one line says the same as the message of the log line.
  const stack = err?.stack?.includes('\n') ? `\n${err.stack}` : ''
  return `${String(time).slice(11, 23)} ${String(level).padEnd(5)} ${msg}${rest.join('')}${stack}\n`
}

/** Whether a text has a value, or each value of a list, as a word of its own. */
function isNamed(text: string, value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0 && value.every((item) => isNamed(text, item))
  if (typeof value !== 'string' && typeof value !== 'number') return false
  const word = String(value)
  if (word === '') return false
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    const [before, after] = [text[at - 1] ?? ' ', text[at + word.length] ?? ' ']
    if (!/[\w.]/.test(before) && !/\w/.test(after)) return true
  }
  return false
}
