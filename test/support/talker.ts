// A client that sends pipelines cut anywhere into writes, and compares every reply with its own request.

import type { Random } from './random.ts'
import { encodeCommand, type RedisReply } from './resp.ts'
import { RespClient } from './resp-client.ts'

/** Keys of a talker that nobody else writes. */
const OWN_KEYS = 16
/** Keys that all talkers read. */
const SHARED_KEYS = 200
const MAX_COMMANDS = 150
/** Pipelines that have not all replies. */
const MAX_OPEN = 12
/** A pipeline is cut into this many writes at most. */
const MAX_CUTS = 40

/** A command, and the check of its reply: `undefined`, or what is wrong. */
interface Request {
  readonly command: readonly string[]
  check(reply: RedisReply): string | undefined
}

export interface TalkerOptions {
  readonly random: Random
  /** The first part of its keys. */
  readonly name: string
  /** The port of a node. */
  readonly port: () => number
  /** Whether requests may fail, and what was written may be lost: links break. */
  readonly isForgiving: boolean
  /** Called after the replies to each pipeline. */
  readonly answered?: () => void
}

/** A value that says which key it was written to, by which command, and how long it is. */
function taggedValue(key: string, number: number, size: number): string {
  const head = `${key}#${number}#${size}#`
  return head + `${key}.${number};`.repeat(Math.ceil(size / (key.length + 2))).slice(0, size)
}

/** The value of a key that is loaded: its length depends on the key. */
export function loadedValue(key: string): string {
  const number = Number(key.split(':')[1])
  return taggedValue(key, number, number % 7 === 0 ? 30_000 : number * 5)
}

/** Whether a value was written to this key, by a command up to `last`, and no byte of it has changed. */
function isOf(key: string, last: number, value: string): boolean {
  const [owner, number, size] = value.split('#', 3)
  if (owner !== key || !(Number(number) <= last)) return false
  return value === taggedValue(key, Number(number), Number(size))
}

function shown(reply: RedisReply | undefined): string {
  const text = reply instanceof Error ? reply.message : JSON.stringify(reply)
  return text === undefined ? 'nothing' : `${text.slice(0, 120)} (${text.length})`
}

export class Talker {
  /** What is wrong with replies. */
  readonly wrong: string[] = []
  /** Replies that were compared. */
  compared = 0
  /** The key of each value that was written, in the order of the requests; `null`: none. */
  readonly #model = new Map<string, string | null>()
  readonly #options: TalkerOptions
  #client: RespClient | undefined
  #number = 0

  constructor(options: TalkerOptions) {
    this.#options = options
  }

  /** Sends so many pipelines, and compares all replies. */
  async talk(pipelines: number): Promise<void> {
    const open = new Set<Promise<void>>()
    for (let i = 0; i < pipelines && this.wrong.length === 0; i++) {
      const client = await this.#connected()
      const requests = this.#pipeline()
      const compared = this.#compare(client, requests).finally(() => open.delete(compared))
      open.add(compared)
      await this.#send(client, requests)
      while (open.size > this.#draw(MAX_OPEN)) await Promise.race(open)
    }
    await Promise.all(open)
  }

  close(): void {
    this.#client?.socket.destroy()
  }

  #draw(n: number): number {
    return this.#options.random() % n
  }

  async #connected(): Promise<RespClient> {
    while (this.#client?.isClosed !== false) {
      // What was sent and not answered may have been run, or not.
      this.#model.clear()
      this.#client = await RespClient.connect(this.#options.port()).catch(() => undefined)
    }
    return this.#client
  }

  #pipeline(): Request[] {
    const count = 1 + this.#draw(this.#draw(3) === 0 ? MAX_COMMANDS : 8)
    return Array.from({ length: count }, () => this.#request()).flat()
  }

  /** The size of a value: mostly small, now and then larger than every buffer on its way. */
  #size(): number {
    const dice = this.#draw(100)
    return this.#draw(dice < 60 ? 30 : dice < 90 ? 700 : dice < 99 ? 20_000 : 200_000)
  }

  #request(): Request[] {
    const key = `${this.#options.name}:${this.#draw(OWN_KEYS)}`
    const dice = this.#draw(16)
    if (dice < 4) return [this.#get(key)]
    if (dice < 8) return [this.#set(key)]
    if (dice === 8) return [this.#echo()]
    if (dice === 9) return [this.#many(key)]
    if (dice === 10) return [this.#setMany(key)]
    if (dice === 11) return [this.#length(key)]
    if (dice === 12) return [this.#unknown()]
    if (dice === 13) return this.#pushAndPop()
    if (dice === 14) return this.#block(key)
    return this.#loaded()
  }

  #fresh(key: string): string {
    return taggedValue(key, ++this.#number, this.#size())
  }

  /** Compares a value of a key: exactly, unless it may have been lost. */
  #isValue(key: string, wanted: string | null | undefined, last: number, value: RedisReply): boolean {
    if (value === null) return wanted === null || wanted === undefined || this.#options.isForgiving
    const isForgiving = this.#options.isForgiving
    // A read that is sent again, as its reply was lost, may see what was written after it.
    if (typeof value !== 'string' || !isOf(key, isForgiving ? this.#number : last, value)) return false
    return wanted === undefined || value === wanted || isForgiving
  }

  #reply(command: readonly string[], isRight: (reply: RedisReply) => boolean): Request {
    const check = (reply: RedisReply): string | undefined => {
      if (reply instanceof Error ? this.#options.isForgiving && isOfCluster(reply) : isRight(reply))
        return undefined
      return `${command.join(' ').slice(0, 60)}: ${shown(reply)}`
    }
    return { command, check }
  }

  #get(key: string): Request {
    const wanted = this.#model.get(key)
    const last = this.#number
    if (this.#draw(8) !== 0)
      return this.#reply(['GET', key], (reply) => this.#isValue(key, wanted, last, reply))
    this.#model.set(key, null)
    return this.#reply(['GETDEL', key], (reply) => this.#isValue(key, wanted, last, reply))
  }

  #set(key: string): Request {
    const before = this.#model.get(key)
    const last = this.#number
    const value = this.#fresh(key)
    this.#model.set(key, value)
    if (this.#draw(4) !== 0) return this.#reply(['SET', key, value], (reply) => reply === 'OK')
    return this.#reply(['SET', key, value, 'GET'], (reply) => this.#isValue(key, before, last, reply))
  }

  #echo(): Request {
    const text = this.#fresh('echo')
    return this.#reply(['ECHO', text], (reply) => reply === text)
  }

  #some(first: string): string[] {
    const keys = Array.from({ length: this.#draw(5) }, () => `${this.#options.name}:${this.#draw(OWN_KEYS)}`)
    return [...new Set([first, ...keys])]
  }

  #many(first: string): Request {
    const keys = this.#some(first)
    const wanted = keys.map((key) => this.#model.get(key))
    const last = this.#number
    return this.#reply(
      ['MGET', ...keys],
      (reply) =>
        Array.isArray(reply) &&
        reply.length === keys.length &&
        keys.every((key, i) => this.#isValue(key, wanted[i], last, reply[i])),
    )
  }

  #setMany(first: string): Request {
    const pairs = this.#some(first).map((key) => [key, this.#fresh(key)] as const)
    for (const [key, value] of pairs) this.#model.set(key, value)
    return this.#reply(['MSET', ...pairs.flat()], (reply) => reply === 'OK')
  }

  #length(key: string): Request {
    const wanted = this.#model.get(key)
    return this.#reply(['STRLEN', key], (reply) => {
      if (wanted === undefined || this.#options.isForgiving) return typeof reply === 'number'
      return reply === (wanted?.length ?? 0)
    })
  }

  /** Its error quotes its argument. */
  #unknown(): Request {
    const text = `word${++this.#number}`
    const command = ['NOSUCHCOMMAND', text]
    const check = (reply: RedisReply): string | undefined =>
      reply instanceof Error && reply.message.includes(`'${text}'`)
        ? undefined
        : `${command}: ${shown(reply)}`
    return { command, check }
  }

  /** An element is pushed, and popped by a command that may wait for it: its request outlives the read. */
  #pushAndPop(): Request[] {
    const key = `${this.#options.name}:list:${this.#draw(4)}`
    const value = this.#fresh(key)
    const last = this.#number
    const timeout = this.#options.isForgiving ? '0.01' : '0'
    const pop = this.#reply(['BLPOP', key, timeout], (reply) => {
      if (reply === null) return this.#options.isForgiving
      return Array.isArray(reply) && reply[0] === key && this.#isValue(key, undefined, last, reply[1])
    })
    return [this.#reply(['RPUSH', key, value], (reply) => Number(reply) > 0), pop]
  }

  #block(key: string): Request[] {
    const value = this.#fresh(key)
    this.#model.set(key, value)
    const queued = (reply: RedisReply): boolean => reply === 'QUEUED'
    const run = this.#reply(
      ['EXEC'],
      (reply) => Array.isArray(reply) && reply.length === 2 && reply[0] === 'OK' && reply[1] === value,
    )
    return [
      this.#reply(['MULTI'], (reply) => reply === 'OK'),
      this.#reply(['SET', key, value], queued),
      this.#reply(['GET', key], queued),
      run,
    ]
  }

  /** Values of the group that is loaded from an origin: all talkers read the same. */
  #loaded(): Request[] {
    const keys = Array.from({ length: 1 + this.#draw(4) }, () => `shared:${this.#draw(SHARED_KEYS)}`)
    const [first] = keys
    const read =
      keys.length === 1
        ? this.#reply(['GET', first], (reply) => reply === loadedValue(first))
        : this.#reply(
            ['MGET', ...keys],
            (reply) => Array.isArray(reply) && keys.every((key, i) => reply[i] === loadedValue(key)),
          )
    const select = (group: string): Request => this.#reply(['SELECT', group], (reply) => reply === 'OK')
    return [select('loaded'), read, select('cache')]
  }

  async #compare(client: RespClient, requests: readonly Request[]): Promise<void> {
    const replies = await client.take(requests.length)
    replies.forEach((reply, i) => {
      this.compared++
      const wrong = requests[i].check(reply)
      if (wrong !== undefined) this.wrong.push(wrong)
    })
    if (replies.length < requests.length && !this.#options.isForgiving) this.wrong.push('replies are missing')
    if (client.parseError !== undefined) this.wrong.push(client.parseError.message)
    this.#options.answered?.()
  }

  async #send(client: RespClient, requests: readonly Request[]): Promise<void> {
    const bytes = Buffer.concat(requests.map(({ command }) => encodeCommand(command)))
    const most = [bytes.length, 60_000, 3000, 300, 20][this.#draw(5)]
    let cuts = 0
    for (let at = 0; at < bytes.length; ) {
      const end = ++cuts > MAX_CUTS ? bytes.length : at + 1 + this.#draw(most)
      client.send(bytes.subarray(at, end))
      at = end
      // Without a turn in between, the system may join the parts.
      for (let turns = this.#draw(3); turns > 0; turns--) await new Promise(setImmediate)
    }
  }
}

/** An error that says that a request did not reach the owner of its key, or may have been run. */
function isOfCluster({ message }: Error): boolean {
  return /^(PEERDOWN|CROSSSLOT) /.test(message)
}
