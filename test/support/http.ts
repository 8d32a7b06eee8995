// A node with HTTP on a free port, and an HTTP client that sends what it is told to, byte for byte.

import { once } from 'node:events'
import { type IncomingHttpHeaders, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { type Config, createNode, type Node, type NodeOptions } from '../../src/index.ts'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly trailers: NodeJS.Dict<string>
  readonly body: Buffer
  readonly text: string
  /** The body, parsed. */
  // biome-ignore lint/suspicious/noExplicitAny: tests say what they expect
  readonly json: () => any
}

export interface AskOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
}

export interface HttpNode {
  readonly node: Node
  readonly port: number
  /** The port of the Redis protocol. */
  readonly respPort: number
  /** Warnings and errors of its log. */
  readonly warnings: readonly string[]
  ask(path: string, options?: AskOptions): Promise<Answer>
}

/** Starts a node that is closed at the end of the test. */
export async function startHttp(
  config: Config = {},
  options: Omit<NodeOptions, 'log'> = {},
): Promise<HttpNode> {
  const warnings: string[] = []
  const warn = (fields: object, message: string): void => {
    warnings.push(`${message} ${String((fields as { err?: Error }).err?.stack ?? '')}`)
  }
  const log = { info: () => undefined, warn, error: warn }
  const http = { port: 'any', bind: '127.0.0.1', ...(typeof config.http === 'object' && config.http) }
  const node = await createNode(
    { port: 0, bind: '127.0.0.1', shutdownTimeout: 200, ...config, http },
    { ...options, log },
  )
  onTestFinished(() => node.close())
  const [{ port: respPort }] = await node.listen()
  const [{ port }] = node.httpAddresses
  return { node, port, respPort, warnings, ask: (path, more) => ask(port, path, more) }
}

/** Sends a request on a connection of its own; the path is sent as it is. */
export async function ask(port: number, path: string, options: AskOptions = {}): Promise<Answer> {
  const { method = 'GET', headers = {}, body } = options
  const sent = request({ host: '127.0.0.1', port, path, method, headers, agent: false })
  sent.end(body)
  const [response] = await once(sent, 'response')
  const parts: Buffer[] = []
  for await (const part of response) parts.push(part)
  const all = Buffer.concat(parts)
  return {
    status: response.statusCode,
    headers: response.headers,
    trailers: response.trailers,
    body: all,
    text: all.toString('utf8'),
    json: () => JSON.parse(all.toString('utf8')),
  }
}

/** Sends bytes on a connection, and resolves with all that comes back until the other end closes. */
export async function exchangeBytes(port: number, bytes: string | Buffer): Promise<string> {
  const socket = await open(port)
  socket.write(bytes)
  let text = ''
  socket.setEncoding('latin1').on('data', (part) => {
    text += part
  })
  await closed(socket)
  return text
}

/** Resolves when a connection is closed, also by a reset. */
export function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve()
    else socket.once('close', () => resolve())
  })
}

/** A connection that does not end the test when it is reset. */
export async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  return socket
}

/** Resolves with what has been received once it satisfies a condition. */
export async function received(socket: Socket, isWanted: (text: string) => boolean): Promise<string> {
  let text = ''
  for (;;) {
    const part: Buffer | null = socket.read()
    if (part !== null) text += part.toString('latin1')
    if (isWanted(text)) return text
    if (part === null) await once(socket, 'readable')
  }
}

/** The last part of the type of a problem, and its status. */
export function problemOf(answer: Answer): { readonly status: number; readonly type: string } {
  const { type, status } = answer.json()
  if (answer.headers['content-type'] !== 'application/problem+json') throw new Error('no problem')
  if (status !== answer.status) throw new Error(`the body says ${status}, the response ${answer.status}`)
  return { status, type: type.replace('urn:erinys:problem:', '') }
}
