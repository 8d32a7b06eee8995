// `erinys top`: a live view of a node, or of all nodes of its cluster, in the terminal.

import { Redis } from 'ioredis'
import { addressName } from '../../cluster/member.ts'
import { screenOf, type Watched } from './render.ts'
import { type NodeSample, readNode } from './sample.ts'

export interface TopOptions {
  readonly host: string
  readonly port: number
  /** Empty: none. */
  readonly password: string
  readonly user: string | undefined
  readonly intervalMs: number
  /** Prints once, after one interval, and ends. */
  readonly once: boolean
}

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
  readonly client: Redis
  before: NodeSample | undefined
  now: NodeSample | undefined
  problem: string | undefined

  constructor(host: string, port: number, { password, user }: TopOptions) {
    this.address = addressName(host, port)
    this.client = new Redis({
      host,
      port,
      password: password || undefined,
      username: user,
      connectionName: 'erinys-top',
      lazyConnect: true,
      connectTimeout: CONNECT_TIMEOUT_MS,
      commandTimeout: CONNECT_TIMEOUT_MS,
      maxRetriesPerRequest: 0,
      enableReadyCheck: false,
    })
    // Errors reach the caller of each command.
    this.client.on('error', () => undefined)
  }

  async read(): Promise<void> {
    try {
      const sample = await readNode(this.address, this.client, () => performance.now())
      // Another process answers: its counters started at 0.
      const isSame = this.now?.info.run_id === sample.info.run_id
      this.before = isSame ? this.now : undefined
      this.now = sample
      this.problem = undefined
    } catch (error) {
      this.problem = (error as Error).message
    }
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
    for (const peer of nodes.flatMap(({ now }) => now?.peers ?? [])) {
      const [, host, port] = /^\[?(.*?)\]?:(\d+)$/.exec(peer) ?? []
      if (host === undefined || nodes.some(({ address, now }) => address === peer || ownName(now) === peer))
        continue
      const node = new Node(host, Number(port), options)
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

/** The name of a node in its cluster. */
function ownName(sample: NodeSample | undefined): string | undefined {
  return sample?.info.cluster_name
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
