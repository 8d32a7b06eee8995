// The error about a URL that cannot be parsed. The URL itself may contain a password, so no message repeats it.

export const ENCODE_HINT =
  'the characters @ : / ? # % of a user or password are written as %40 %3A %2F %3F %23 %25'

export const UNREADABLE_URL = `got a URL that cannot be read: ${ENCODE_HINT}`
