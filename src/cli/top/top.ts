// `erinys top`: a live view of a node, or of all nodes of its cluster, in the terminal.

import { Redis } from 'ioredis'
import { addressName } from '../../cluster/member.ts'
import { type TopOptions, tlsAdvice } from './options.ts'
import { screenOf, type Watched } from './render.ts'
import { type NodeSample, readNode } from './sample.ts'

/** The alternate screen, without a cursor; and back. */
const ENTER = '\x1b[?1049h\x1b[?25l'
const LEAVE = '\x1b[?25h\x1b[?1049l'
const HOME = '\x1b[H'
/** Clears to the end of the line; of the screen. */
const CLEAR_LINE = '\x1b[K'
const CLEAR_REST = '\x1b[J'

/** A byte in raw mode, not a signal. */
const CONTROL_C = '\x03'

const CONNECT_TIMEOUT_MS = 5000
const DEFAULT_COLUMNS = 120

/** A node with its connection. */
class Node implements Watched {
  readonly address: string
  /** In its cluster; `undefined`: not known yet. */
  name: string | undefined
  readonly client: Redis
  readonly #byTls: boolean
  /** The last one of the connection. */
  #error: NodeJS.ErrnoException | undefined
  before: NodeSample | undefined
  now: NodeSample | undefined
  problem: string | undefined

  constructor(host: string, port: number, { password, user, tls }: TopOptions, name?: string) {
    this.name = name
    this.#byTls = tls !== undefined
    this.address = addressName(host, port)
    this.client = new Redis({
      host,
      port,
      password: password || undefined,
      username: user,
      tls,
      connectionName: 'erinys-top',
      lazyConnect: true,
      connectTimeout: CONNECT_TIMEOUT_MS,
      commandTimeout: CONNECT_TIMEOUT_MS,
      maxRetriesPerRequest: 0,
      enableReadyCheck: false,
    })
    this.client.on('error', (error) => {
      this.#error = error
    })
  }

  async read(): Promise<void> {
    try {
      const sample = await readNode(this.address, this.client, () => performance.now(), this.#byTls)
      // Another process answers: its counters started at 0.
      const isSame = this.now?.info.run_id === sample.info.run_id
      this.before = isSame ? this.now : undefined
      this.now = sample
      this.name = sample.info.cluster_name
      this.problem = undefined
      this.#error = undefined
    } catch (error) {
      this.problem = this.#reasonOf(error as Error)
    }
  }

  /** That a command gets no reply says less than why its connection has failed. */
  #reasonOf(error: Error): string {
    const cause = error.name === 'ReplyError' ? error : (this.#error ?? error)
    return (this.#byTls ? tlsAdvice(cause) : undefined) ?? cause.message
  }
}

/** @throws Error with `--once` if the node does not answer, or without it if there is no terminal */
export async function runTop(options: TopOptions): Promise<void> {
  const { stdin, stdout } = process
  if (!options.once && !stdout.isTTY) throw new Error('top needs a terminal: use --once to print once')
  const first = new Node(options.host, options.port, options)
  const nodes: Node[] = [first]
  const round = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.read()))
    for (const { name, host, port } of nodes.flatMap(({ now }) => now?.peers ?? [])) {
      if (nodes.some((node) => node.name === name || node.address === addressName(host, port))) continue
      const node = new Node(host, port, options, name)
      nodes.push(node)
      await node.read()
    }
  }
  const screen = (): string[] =>
    screenOf(nodes, {
      columns: stdout.columns ?? DEFAULT_COLUMNS,
      rows: options.once ? undefined : stdout.rows,
      time: new Date(),
      hasColor: stdout.isTTY === true,
    })
  const end = (): void => {
    for (const { client } of nodes) client.disconnect()
  }
  try {
    if (options.once) {
      await round()
      if (first.now === undefined) throw new Error(`${first.address} does not answer: ${first.problem}`)
      await pause(options.intervalMs)
      await round()
      stdout.write(`${screen().join('\n')}\n`)
      return
    }
    await watch(options.intervalMs, stdin, stdout, round, screen)
  } finally {
    end()
  }
}

/** Shows the screen until `q`, Ctrl-C or a signal. */
async function watch(
  intervalMs: number,
  stdin: NodeJS.ReadStream,
  stdout: NodeJS.WriteStream,
  round: () => Promise<void>,
  screen: () => string[],
): Promise<void> {
  let isOver = false
  let wake = (): void => undefined
  const quit = (): void => {
    isOver = true
    wake()
  }
  const draw = (): void => {
    const lines = screen().map((line) => `${line}${CLEAR_LINE}`)
    stdout.write(`${HOME}${lines.join('\n')}${CLEAR_REST}`)
  }
  const typed = (keys: Buffer): void => {
    if (['q', 'Q', CONTROL_C].some((key) => keys.includes(key))) quit()
  }
  const leave = (): void => {
    stdout.write(LEAVE)
  }
  stdout.write(ENTER)
  process.once('exit', leave)
  process.once('SIGTERM', quit).once('SIGINT', quit)
  stdout.on('resize', draw)
  if (stdin.isTTY) stdin.setRawMode(true)
  stdin.on('data', typed)
  try {
    while (!isOver) {
      await round()
      if (isOver) break
      draw()
      await new Promise<void>((resolve) => {
        wake = resolve
        setTimeout(resolve, intervalMs)
      })
    }
  } finally {
    stdin.off('data', typed).pause()
    if (stdin.isTTY) stdin.setRawMode(false)
    stdout.off('resize', draw)
    process.off('exit', leave)
    leave()
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
