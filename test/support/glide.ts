// valkey-glide: a client whose core is not written in JavaScript. It has 17 MB, so `npm ci` does not install it.

import { describeIfFound } from './executable.ts'
import { importPackages } from './packages.ts'

type Command = (...args: readonly unknown[]) => Promise<unknown>

type CommandName =
  | 'clientGetName'
  | 'clientId'
  | 'clientTrackingInfo'
  | 'configGet'
  | 'copy'
  | 'customCommand'
  | 'dbsize'
  | 'echo'
  | 'exists'
  | 'expire'
  | 'getex'
  | 'incr'
  | 'incrByFloat'
  | 'info'
  | 'latencyLatest'
  | 'lcs'
  | 'lolwut'
  | 'memoryStats'
  | 'mget'
  | 'mset'
  | 'objectEncoding'
  | 'persist'
  | 'ping'
  | 'pttl'
  | 'rename'
  | 'select'
  | 'set'
  | 'time'
  | 'touch'
  | 'ttl'
  | 'type'
  | 'unlink'

/** The part of a client that tests use. */
export interface Glide extends Readonly<Record<CommandName, Command>> {
  get(key: string | Buffer, options?: object): Promise<string | Buffer | null>
  exec(batch: GlideBatch, raiseOnError: boolean): Promise<readonly unknown[] | null>
  scan<Cursor>(cursor: Cursor, options?: object): Promise<[Cursor, (string | Buffer)[]]>
  close(): void
}

/** Commands that are sent together; each method returns the batch. */
type BatchCommand = 'append' | 'get' | 'incr' | 'mget' | 'set'
interface GlideBatch extends Readonly<Record<BatchCommand, (...args: readonly unknown[]) => GlideBatch>> {}

interface Class {
  createClient(options: object): Promise<Glide>
}

/** The part of the package that tests use. */
interface GlidePackage {
  readonly Batch: new (isAtomic: boolean) => GlideBatch
  readonly ClusterScanCursor: new () => { isFinished(): boolean }
  readonly Decoder: { readonly Bytes: unknown }
  readonly GlideClient: Class
  readonly GlideClusterClient: Class
  readonly GlideMonitorClient: {
    create(options: object): Promise<{ getNextMessage(): Promise<unknown>; close(): Promise<void> }>
  }
  readonly InfoOptions: { readonly Replication: unknown }
  readonly Logger: { init(level: 'off'): void; setLoggerConfig(level: 'off'): void }
  readonly ProtocolVersion: { readonly RESP2: number; readonly RESP3: number }
  readonly TimeUnit: { readonly Seconds: unknown }
}

const NAME = '@valkey/valkey-glide'
const packages: { readonly [NAME]: GlidePackage } | undefined = await importPackages(NAME)

/** Silent: it logs every error reply and every lost connection. `undefined`: it is not installed. */
export const glide: GlidePackage | undefined = packages?.[NAME]
glide?.Logger.init('off')
glide?.Logger.setLoggerConfig('off')

/** A `describe` whose tests need the package. Without it they are skipped, or fail if they are required. */
export function describeWithGlide(body: (found: GlidePackage) => void): void {
  describeIfFound(glide, 'valkey-glide', NAME, 'libraries', body)
}
