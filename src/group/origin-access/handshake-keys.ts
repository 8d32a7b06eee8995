// Keys that client libraries ask for by themselves when they connect.

/**
 * StackExchange.Redis asks every server for its vote in the choice of a primary (`ConfigurationOptions.TieBreaker`).
 * Lettuce, Jedis, redis-py, go-redis, phpredis, ioredis, node-redis, Predis, Redisson, Sentinel and HAProxy send commands
 * without keys; the key of Envoy's health check is the user's choice.
 */
const HANDSHAKE_KEYS: readonly Buffer[] = [Buffer.from('__Booksleeve_TieBreak')]

/** Whether the origin is not asked for a key, because it would not know it, or reject it. */
export function isHandshakeKey(key: Buffer): boolean {
  return HANDSHAKE_KEYS.some((known) => known.length === key.length && known.equals(key))
}
