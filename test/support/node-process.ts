// Nodes as processes of their own: on ports that stay theirs, stopped, killed and started again.

import { type Outcome, type Running, type RunOptions, start } from './cli.ts'
import { compiledMain } from './compiled.ts'
import { freePorts } from './ports.ts'

/** One node; its process may be another one after `restart`. */
export class NodeProcess {
  readonly port: number
  readonly #args: readonly string[]
  readonly #options: RunOptions
  #running: Running | undefined
  #isStopped = false
  #past = ''

  constructor(port: number, args: readonly string[], options: RunOptions) {
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

  /** What it has logged, in all its lives. */
  get log(): string {
    return this.#past + (this.#running?.log() ?? '')
  }

  /** Resolves when it listens, and knows who else there is. */
  async start(...more: readonly string[]): Promise<this> {
    if (this.#running !== undefined) throw new Error(`${this.name} runs`)
    const running = await start([...this.#args, '--port', String(this.port), ...more], this.#options)
    this.#running = running
    void running.outcome.then(() => {
      if (this.#running !== running) return
      this.#past += running.log()
      this.#running = undefined
    })
    return this
  }

  /** Ends it at once, and resolves when it is gone. */
  async kill(): Promise<Outcome> {
    return this.#end('SIGKILL')
  }

  /** Asks it to end, and resolves when it has. */
  async terminate(): Promise<Outcome> {
    return this.#end('SIGTERM')
  }

  /** It stands still, with all its connections open. */
  stop(): void {
    this.#child.kill('SIGSTOP')
    this.#isStopped = true
  }

  /** It goes on, and does not know that it stood still. */
  resume(): void {
    this.#child.kill('SIGCONT')
    this.#isStopped = false
  }

  async #end(signal: NodeJS.Signals): Promise<Outcome> {
    const running = this.#running
    if (running === undefined) throw new Error(`${this.name} does not run`)
    running.child.kill(signal)
    if (this.#isStopped) this.resume()
    return running.outcome
  }

  get #child(): Running['child'] {
    if (this.#running === undefined) throw new Error(`${this.name} does not run`)
    return this.#running.child
  }
}

export interface MembersOptions extends RunOptions {
  /** Arguments of every node. */
  readonly args?: readonly string[]
  /** How many of them, from the first, are started; by default all. */
  readonly started?: number
  /** The members that a node is told of, instead of all. */
  readonly peersOf?: (i: number, names: readonly string[]) => readonly string[]
}

/** The nodes of a test's cluster. */
export class Members {
  readonly nodes: readonly NodeProcess[]

  private constructor(nodes: readonly NodeProcess[]) {
    this.nodes = nodes
  }

  /** Starts a cluster of processes; resolves when they all know of each other. */
  static async start(count: number, options: MembersOptions = {}): Promise<Members> {
    const { args = [], started = count, peersOf, ...given } = options
    const runOptions: RunOptions = { program: [process.execPath, compiledMain()], ...given }
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

  /** Ends whatever still runs. */
  async end(): Promise<void> {
    await Promise.all(this.nodes.filter(({ isRunning }) => isRunning).map((node) => node.kill()))
  }
}
