// Keys that client libraries read of their own accord when they connect.

/**
 * StackExchange.Redis asks every server for its vote in the choice of a primary (`ConfigurationOptions.TieBreaker`).
 * Lettuce, Jedis, redis-py, go-redis, phpredis, ioredis, node-redis, Predis, Redisson, Sentinel and HAProxy send commands
 * without keys; the key of Envoy's health check is the user's choice.
 */
const HANDSHAKE_KEYS: readonly Buffer[] = [Buffer.from('__Booksleeve_TieBreak')]

/** Whether a key is one of these: the origin is not asked for it, since it cannot have it. */
export function isHandshakeKey(key: Buffer): boolean {
  return HANDSHAKE_KEYS.some((known) => known.length === key.length && known.equals(key))
}
