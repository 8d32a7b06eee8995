// The interface of the cluster's log.

export interface Log {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}
