// What the cluster tells of itself, and to whom.

export interface Log {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}
