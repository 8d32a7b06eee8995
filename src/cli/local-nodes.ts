// `erinys cluster`: starts a cluster of several nodes on this machine, each in a process of its own.

import { type ChildProcess, fork } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Logger } from 'pino'
import { kebabName } from '../bytes/names.ts'
import { addressName } from '../cluster/member.ts'
import { clusterSettingNames, WILDCARDS } from '../config/cluster-settings.ts'
import { ConfigError, type Flags, type NodeConfig, type ResolvedConfig } from '../config/config.ts'
import { ANY_PORT, httpSettingNames } from '../config/http-settings.ts'
import { isLoopback, whole } from '../config/readers.ts'
import { settingNames } from '../config/settings.ts'
import { asText } from './log.ts'
import { LogOutput } from './log-output.ts'

const MAX_NODES = 64
const LAST_PORT = 65_535

/** The message of a node to its parent process: it listens. */
export const LISTENING = 'listening'

/** The settings that `erinys cluster` sets itself. */
const OWN_SETTINGS = ['peers', 'dns', 'etcd', 'announce'] as const

/** One node of the cluster. */
export interface LocalNode {
  readonly port: number
  /** The arguments of its command line. */
  readonly args: readonly string[]
}

/** Placeholders: with these flags a configuration is validated as one of a cluster member. */
export const MEMBER: Flags = { peers: '127.0.0.1:1', announce: '127.0.0.1:1' }

/**
 * Parses `--nodes`, and rejects flags that `erinys cluster` sets itself.
 * @throws ConfigError
 */
export function countNodes(count: string, flags: Flags): number {
  const { data, error } = whole(2, MAX_NODES).safeParse(count)
  const problems = error === undefined ? [] : [`--nodes: ${error.issues[0].message}`]
  for (const name of OWN_SETTINGS) {
    if (flags[name] !== undefined)
      problems.push(`--${kebabName(name)}: is not for erinys cluster, which starts all members itself`)
  }
  if (problems.length > 0) throw new ConfigError(...problems)
  return data as number
}

/**
 * Plans nodes on consecutive ports with the given flags, as members of one cluster.
 * @param resolved the configuration from the flags, with `MEMBER`, and all other layers
 * @throws ConfigError
 */
export function planNodes(
  nodes: number,
  file: string | undefined,
  flags: Flags,
  { config, sources }: ResolvedConfig,
): readonly LocalNode[] {
  const { port, tlsPort, tlsCluster, unixsocket, bind, maxmemory } = config
  const last = LAST_PORT - nodes + 1
  if (port < 1 || port > last)
    throw new ConfigError(
      `port: got ${port}, wants one from 1 to ${last}: that of the first of ${nodes} nodes`,
    )
  const lastTls = tlsPort + nodes - 1
  if (tlsPort !== 0 && (lastTls > LAST_PORT || (lastTls >= port && tlsPort < port + nodes)))
    throw new ConfigError(
      `tlsPort: got ${tlsPort}, wants the first of ${nodes} ports that are not among the ${nodes} from port on`,
    )
  if (unixsocket !== '')
    throw new ConfigError('unixsocket: is not for erinys cluster, whose nodes would need one each')
  const ports = Array.from({ length: nodes }, (_, i) => port + i)
  const httpPorts = httpPortsOf(nodes, ports, config.http)
  const named = bind.map(({ host }) => host).filter((host) => !WILDCARDS.includes(host))
  const host = named.find((each) => isLoopback(each)) ?? named[0] ?? '127.0.0.1'
  const peers = ports.map((each, i) => addressName(host, tlsCluster ? tlsPort + i : each))
  const shared: Flags = {
    ...flags,
    peers,
    // By default all nodes together have the memory that one node has.
    ...(!sources.has('maxmemory') && { maxmemory: String(Math.floor(maxmemory / nodes)) }),
  }
  return ports.map((each, i): LocalNode => {
    const byTls = tlsPort === 0 ? {} : { tlsPort: String(tlsPort + i) }
    const own = argumentsOf({
      ...shared,
      port: String(each),
      ...byTls,
      announce: peers[i],
      ...httpPorts[i].flags,
    })
    const args = [...own, ...httpPorts[i].args]
    return { port: each, args: file === undefined ? args : [`--config=${file}`, ...args] }
  })
}

/**
 * What gives each node a port of its own for HTTP: consecutive ones.
 * @throws ConfigError
 */
function httpPortsOf(
  nodes: number,
  ports: readonly number[],
  http: NodeConfig['http'],
): readonly { readonly flags: Flags; readonly args: readonly string[] }[] {
  if (http === undefined) return ports.map(() => ({ flags: {}, args: [] }))
  const last = LAST_PORT - nodes + 1
  if (http.port > last)
    throw new ConfigError(
      `http.port: got ${http.port}, wants at most ${last}: that of the first of ${nodes} nodes`,
    )
  return ports.map((_, i) => {
    const port = http.port + i
    if (http.isDefaultPort) return { flags: {}, args: [`--default-http-port=${port}`] }
    if (http.port !== 0 && ports.includes(port))
      throw new ConfigError(`http.port: got ${http.port}, but ${port} is the port of another node`)
    return { flags: { httpPort: http.port === 0 ? ANY_PORT : String(port) }, args: [] }
  })
}

/** The flags as arguments of a command line. */
function argumentsOf(flags: Flags): string[] {
  return [...settingNames, ...clusterSettingNames, ...httpSettingNames].flatMap((name) => {
    const value = flags[name]
    if (value === undefined) return []
    return [`--${kebabName(name)}=${typeof value === 'string' ? value : value.join(',')}`]
  })
}

export interface LocalNodesOptions {
  /** The path of the program that runs one node. */
  readonly program: string
  readonly log: Logger
  readonly isTerminal: boolean
  /** How long the nodes may take to stop, ms. */
  readonly stopTimeout: number
}

export class LocalNodes {
  readonly #options: LocalNodesOptions
  readonly #nodes: readonly LocalNode[]
  /** The running nodes, by port. */
  readonly #running = new Map<number, ChildProcess>()
  readonly #listening = new Set<number>()
  readonly #stdout = new LogOutput(1)
  readonly #stderr = new LogOutput(2)
  /** How often `stop` was called. */
  #stops = 0
  #code = 0

  constructor(nodes: readonly LocalNode[], options: LocalNodesOptions) {
    this.#nodes = nodes
    this.#options = options
  }

  /** Starts all nodes. Resolves to the exit code of this process when all have ended. */
  run(): Promise<number> {
    return new Promise((resolve) => {
      for (const node of this.#nodes) this.#start(node, resolve)
    })
  }

  /** Each node reads its configuration again. */
  reload(): void {
    for (const child of this.#running.values()) child.kill('SIGHUP')
  }

  /** Stops all nodes at the same time: a handover would be of no use when no node stays. */
  stop(): void {
    const { log, stopTimeout } = this.#options
    if (this.#stops++ === 0) {
      setTimeout(() => {
        log.warn('some nodes did not stop in time')
        for (const child of this.#running.values()) child.kill('SIGKILL')
      }, stopTimeout).unref()
    }
    for (const child of this.#running.values()) child.kill('SIGTERM')
  }

  #start({ port, args }: LocalNode, ended: (code: number) => void): void {
    const { program, log } = this.#options
    // In a process group of its own, so that the terminal's Ctrl-C comes from here alone. When this process ends,
    // in any way, the channel to it closes, which stops the node.
    const child = fork(program, ['member', ...args], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    this.#running.set(port, child)
    createInterface({ input: child.stdout! }).on('line', (line) => this.#show(port, line, this.#stdout))
    const early: string[] = []
    createInterface({ input: child.stderr! }).on('line', (line) => {
      if (this.#listening.has(port)) this.#show(port, line, this.#stderr)
      else early.push(line)
    })
    child.on('message', (message) => {
      if (message !== LISTENING) return
      this.#listening.add(port)
      if (this.#listening.size !== this.#nodes.length) return
      const [first, last] = [this.#nodes[0].port, this.#nodes[this.#nodes.length - 1].port]
      log.info(`all ${this.#nodes.length} nodes listen, on the ports ${first} to ${last}: ask any of them`)
    })
    child.on('close', (code, signal) => {
      this.#running.delete(port)
      if (this.#stops === 0 || code !== 0) this.#lost(port, code, signal, early)
      if (this.#running.size === 0) ended(this.#code)
    })
  }

  /** A node has ended unexpectedly, or with an error. */
  #lost(port: number, code: number | null, signal: NodeJS.Signals | null, early: readonly string[]): void {
    const { log } = this.#options
    if (!this.#listening.has(port)) {
      if (this.#stops !== 0) return
      // The node has printed the reason. The others would print the same, or wait for it.
      for (const line of early) process.stderr.write(`${line}\n`)
      this.#code = 1
      this.stop()
      return
    }
    const isLast = this.#running.size === 0
    if (this.#stops !== 0 || isLast) this.#code = code === 0 ? this.#code : 1
    const how = code === 0 ? 'has closed' : `has died (${signal ?? `exit code ${code}`})`
    log.warn(`the node on port ${port} ${how}${this.#stops !== 0 || isLast ? '' : '; the others go on'}`)
  }

  /** Prints a line of a node, with its port. */
  #show(port: number, line: string, to: LogOutput): void {
    const isLog = line.startsWith('{"level":')
    if (!isLog) to.write(`${port} ${line}\n`)
    else if (this.#options.isTerminal) to.write(`${port} ${asText(line)}`)
    else to.write(`{"node":${port},${line.slice(1)}\n`)
  }
}
