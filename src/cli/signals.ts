// Signals: which of them close the program, reload, report, or are ignored.

import { constants } from 'node:os'

export interface SignalLog {
  info(message: string): void
}

/** The first of these closes in order, a second one at once. SIGPWR: the power supply fails, or a container is stopped. */
const CLOSING = ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGPWR'] as const

/**
 * Signals whose default action ends or stops a process, or, for SIGUSR1, opens Node.js's debugger to all users of the
 * machine. SIGPIPE is missing: Node.js ignores it, and with a listener each broken connection would log a line.
 */
const IGNORED: Partial<Record<NodeJS.Signals, string>> = {
  SIGUSR1: 'start with `node --inspect` for the debugger',
  SIGALRM: 'it has no meaning here',
  SIGVTALRM: 'it has no meaning here',
  SIGPROF: 'it has no meaning here',
  SIGIO: 'it has no meaning here',
  SIGSTKFLT: 'it has no meaning here',
  SIGXCPU: 'the limit of CPU time is reached (ulimit -t)',
  SIGTTIN: 'standard input is not read',
  SIGTTOU: 'the log is written from the background too',
  SIGWINCH: 'it has no meaning here',
}

/**
 * Signals that belong to the terminal: without a listener the system handles them. With a listener for SIGTTOU, a write
 * from the background to a terminal with `tostop` would be repeated without end.
 */
const OF_TERMINALS: readonly string[] = ['SIGTTIN', 'SIGTTOU', 'SIGWINCH']

/** Ignores, with a line in the log, all signals that would end the process by default but have no meaning here. */
export function ignoreSignals(log: SignalLog): void {
  const hasTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY
  for (const [name, reason] of Object.entries(IGNORED)) {
    if (hasTerminal && OF_TERMINALS.includes(name)) continue
    if (name === 'SIGPROF' && isProfiled()) continue
    listen(name, () => log.info(`${name}: ignored, ${reason}`))
  }
  listen('SIGCONT', () => log.info('SIGCONT: continued after a stop'))
}

/** Calls `close` with the name of each signal that asks for the end of the process. */
export function onClosingSignal(close: (signal: string) => void): void {
  for (const name of CLOSING) listen(name, () => close(name))
}

/** SIGHUP: the configuration is to be read again. */
export function onReloadSignal(reload: (signal: string) => void): void {
  listen('SIGHUP', () => reload('SIGHUP'))
}

/** SIGUSR2: a diagnostic report is wanted. */
export function onReportSignal(report: () => void): void {
  listen('SIGUSR2', report)
}

/** The profiler of V8 samples by SIGPROF. */
function isProfiled(): boolean {
  return [...process.execArgv, process.env.NODE_OPTIONS ?? ''].some((option) => /--(cpu-)?prof/.test(option))
}

/** Not every system has every signal. */
function listen(name: string, run: () => void): void {
  if (Object.hasOwn(constants.signals, name)) process.on(name as NodeJS.Signals, run)
}
