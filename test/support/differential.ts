// Runs the same commands on a real redis-server and on the harness, and compares the replies byte by byte.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { beforeAll, describe, expect, test } from 'vitest'
import { Harness } from './harness.ts'
import { describeWithRedis } from './redis-server.ts'
import { type Argument, encodeCommand } from './resp.ts'
import { verifyStore } from './verify.ts'

/** The number of commands that are shown before the first difference. */
const CONTEXT = 10

export type Command = readonly Argument[]

/**
 * The commands of a text, one a line or with `|` between them. A word in double quotes is JSON, of which each character is
 * a byte.
 */
export function commandsOf(text: string): Command[] {
  return text
    .trim()
    .split(/\s*[|\n]\s*/)
    .map((line) =>
      (line.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? []).map((each) => (each[0] === '"' ? latin1(each) : each)),
    )
}

function latin1(json: string): Buffer {
  return Buffer.from(JSON.parse(json), 'latin1')
}

/** A connection that returns replies unparsed, one character per byte. */
export class RawClient {
  readonly #socket: Socket
  #received: Buffer = Buffer.alloc(0)
  #arrived: () => void = () => undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#arrived()
    })
    socket.on('error', () => undefined).on('close', () => this.#arrived())
  }

  static async connect(socketPath: string): Promise<RawClient> {
    const socket = connect(socketPath)
    await once(socket, 'connect')
    return new RawClient(socket)
  }

  /** Sends all commands at once; the replies come in the same order. */
  async run(commands: readonly Command[]): Promise<string[]> {
    this.#socket.write(Buffer.concat(commands.map(encodeCommand)))
    const replies: string[] = []
    let at = 0
    while (replies.length < commands.length) {
      const end = endOfReply(this.#received, at)
      if (end < 0) {
        if (this.#socket.closed)
          throw new Error(`closed after ${replies.length} of ${commands.length} replies`)
        await new Promise<void>((resolve) => {
          this.#arrived = resolve
        })
        continue
      }
      replies.push(this.#received.toString('latin1', at, end))
      at = end
    }
    this.#received = this.#received.subarray(at)
    return replies
  }

  close(): void {
    this.#socket.destroy()
  }
}

/**
 * Expects the same replies of both, command by command.
 *
 * @param comparable what of a reply is compared; all of it by default
 */
export async function expectSameReplies(
  redis: RawClient,
  harness: Harness,
  commands: readonly Command[],
  comparable: (reply: string, command: Command) => string = (reply) => reply,
): Promise<void> {
  const wanted = (await redis.run(commands)).map((reply, i) => comparable(reply, commands[i]))
  const given: string[] = []
  for (const command of commands) given.push(comparable(await harness.raw(...command), command))
  const first = given.findIndex((reply, i) => reply !== wanted[i])
  if (first < 0) return
  const from = Math.max(0, first - CONTEXT)
  const normalized = (replies: readonly string[]): string[] =>
    commands
      .slice(from, first + 1)
      .map((command, i) => `${command.map(shown).join(' ')} → ${shown(replies[from + i])}`)
  const place = `reply ${first + 1} of ${commands.length} differs`
  expect(normalized(given), place).toEqual(normalized(wanted))
}

/** A reply with its strings sorted, for commands that leave their order open. */
export function withSortedElements(reply: string): string {
  return reply
    .split(/(?=\$\d)/)
    .sort()
    .join('')
}

/** What is compared besides the replies, and how. */
export interface Comparison {
  /** 2 by default. */
  readonly protocol?: 2 | 3
  /** See `expectSameReplies`. */
  readonly comparable?: (reply: string, command: Command) => string
  /** Compares more, after the commands. */
  readonly after?: (redis: RawClient, harness: Harness) => Promise<void>
}

/** Runs the commands on an empty redis-server and on a new harness: the same replies, an intact store, no faults. */
export type ExpectSame = (commands: readonly Command[], comparison?: Comparison) => Promise<void>

/** A `describe` whose tests compare with a redis-server: see `describeWithRedis`. */
export function describeComparison(name: string, body: (expectSame: ExpectSame) => void): void {
  describeWithRedis(name, (redis) => {
    let clients: Readonly<Record<2 | 3, RawClient>>
    beforeAll(async () => {
      const { socketPath } = redis()
      clients = { 2: await RawClient.connect(socketPath), 3: await RawClient.connect(socketPath) }
      await clients[3].run([['HELLO', '3']])
      return () => {
        clients[2].close()
        clients[3].close()
      }
    })

    body(async (commands, { protocol = 2, comparable, after } = {}) => {
      const client = clients[protocol]
      const harness = new Harness({ now: Date.now() })
      harness.client.protocol = protocol
      await client.run([['FLUSHALL']])
      await expectSameReplies(client, harness, commands, comparable)
      await after?.(client, harness)
      verifyStore(harness.group('cache').store)
      expect(harness.host.faults).toEqual([])
    })
  })
}

/** By name: sequences of edge cases, see `commandsOf`. Each is a test in both protocols. */
export function testEdges(
  edges: Readonly<Record<string, string>>,
  expectSame: ExpectSame,
  comparable?: Comparison['comparable'],
): void {
  describe.each(Object.entries(edges))('%s', (_, sequence) => {
    test.each([2, 3] as const)('in RESP%i', (protocol) =>
      expectSame(commandsOf(sequence), { protocol, comparable }),
    )
  })
}

function shown(argument: Argument): string {
  const text = typeof argument === 'object' ? Buffer.from(argument).toString('latin1') : String(argument)
  const quoted = JSON.stringify(text)
  return quoted.length < 200 ? quoted : `${quoted.slice(0, 200)}… (${text.length})`
}

const ATTRIBUTE_OR_MAP = '|%'
const AGGREGATES = '*~>'
const BLOBS = '$=!'

/** The end of the RESP2 or RESP3 value at `at`; -1: it is incomplete. */
function endOfReply(bytes: Buffer, at: number): number {
  const lineEnd = bytes.indexOf('\r\n', at)
  if (lineEnd < 0) return -1
  const type = String.fromCharCode(bytes[at])
  const next = lineEnd + 2
  const n = Number(bytes.toString('latin1', at + 1, lineEnd))
  if (BLOBS.includes(type)) {
    const end = n < 0 ? next : next + n + 2
    return end <= bytes.length ? end : -1
  }
  const elements = AGGREGATES.includes(type) ? n : ATTRIBUTE_OR_MAP.includes(type) ? 2 * n : 0
  let end = next
  for (let i = 0; i < elements && end >= 0; i++) end = endOfReply(bytes, end)
  return end
}
