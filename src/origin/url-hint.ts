// What is said of a URL that cannot be read. The URL itself may hold a password, which no message repeats.

export const ENCODE_HINT =
  'the characters @ : / ? # % of a user or password are written as %40 %3A %2F %3F %23 %25'

export const UNREADABLE_URL = `got a URL that cannot be read: ${ENCODE_HINT}`
