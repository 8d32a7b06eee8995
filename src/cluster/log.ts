// The port through which the cluster logs.

export interface Log {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}
