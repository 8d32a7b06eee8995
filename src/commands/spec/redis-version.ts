// The version of Redis whose behaviour is followed. Clients decide by it which commands they may send.

export const REDIS_VERSION = '7.2.4'
