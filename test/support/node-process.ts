// Nodes as processes on fixed ports: paused, killed and restarted.

import { type Outcome, type Running, type RunOptions, start } from './cli.ts'
import { compiledProgram } from './compiled.ts'
import { freePorts } from './ports.ts'

/** One node; after a restart its process is another one. */
export class NodeProcess {
  readonly port: number
  readonly #args: readonly string[]
  readonly #options: RunOptions
  #running: Running | undefined
  #isStopped = false
  #earlierLog = ''

  /** @param options by default the program is the compiled one */
  constructor(port: number, args: readonly string[], options: RunOptions = { program: compiledProgram() }) {
    this.port = port
    this.#args = args
    this.#options = options
  }

  /** Its name in a cluster. */
  get name(): string {
    return `127.0.0.1:${this.port}`
  }

  get isRunning(): boolean {
    return this.#running !== undefined
  }

  /** The log of all its processes. */
  get log(): string {
    return this.#earlierLog + (this.#running?.log() ?? '')
  }

  /** Starts a process; resolves when it listens and has joined its cluster. */
  async start(...more: readonly string[]): Promise<this> {
    if (this.#running !== undefined) throw new Error(`${this.name} is running already`)
    const running = await start([...this.#args, '--port', String(this.port), ...more], this.#options)
    this.#running = running
    void running.outcome.then(() => {
      if (this.#running !== running) return
      this.#earlierLog += running.log()
      this.#running = undefined
    })
    return this
  }

  /** Sends SIGKILL, and resolves when the process has ended. */
  async kill(): Promise<Outcome> {
    return this.#end('SIGKILL')
  }

  /** Sends SIGTERM, and resolves when the process has ended. */
  async terminate(): Promise<Outcome> {
    return this.#end('SIGTERM')
  }

  /** Pauses the process (SIGSTOP); its connections stay open. */
  stop(): void {
    this.#child.kill('SIGSTOP')
    this.#isStopped = true
  }

  /** Continues the process (SIGCONT). */
  resume(): void {
    this.#child.kill('SIGCONT')
    this.#isStopped = false
  }

  async #end(signal: NodeJS.Signals): Promise<Outcome> {
    const running = this.#running
    if (running === undefined) throw new Error(`${this.name} is not running`)
    running.child.kill(signal)
    if (this.#isStopped) this.resume()
    return running.outcome
  }

  get #child(): Running['child'] {
    if (this.#running === undefined) throw new Error(`${this.name} is not running`)
    return this.#running.child
  }
}

export interface MembersOptions extends RunOptions {
  /** Arguments of every node. */
  readonly args?: readonly string[]
  /** The number of nodes that are started; by default all. */
  readonly started?: number
  /** The peers in the configuration of a node; by default all. */
  readonly peersOf?: (i: number, names: readonly string[]) => readonly string[]
}

/** The nodes of a test's cluster. */
export class Members {
  readonly nodes: readonly NodeProcess[]

  private constructor(nodes: readonly NodeProcess[]) {
    this.nodes = nodes
  }

  /** Starts a cluster of processes; resolves when each has joined. */
  static async start(count: number, options: MembersOptions = {}): Promise<Members> {
    const { args = [], started = count, peersOf, ...given } = options
    const runOptions: RunOptions = { program: compiledProgram(), ...given }
    const ports = await freePorts(count)
    const names = ports.map((port) => `127.0.0.1:${port}`)
    const nodes = ports.map((port, i) => {
      const peers = (peersOf?.(i, names) ?? names).join()
      return new NodeProcess(port, ['--peers', peers, ...args], runOptions)
    })
    const members = new Members(nodes)
    try {
      await Promise.all(nodes.slice(0, started).map((node) => node.start()))
    } catch (error) {
      await members.end()
      throw error
    }
    return members
  }

  get ports(): readonly number[] {
    return this.nodes.map(({ port }) => port)
  }

  /** Kills the processes that still run. */
  async end(): Promise<void> {
    await Promise.all(this.nodes.filter(({ isRunning }) => isRunning).map((node) => node.kill()))
  }
}
