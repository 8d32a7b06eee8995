// The version of Redis whose behaviour is followed, for clients that choose by it what they may send.

export const REDIS_VERSION = '7.2.4'
