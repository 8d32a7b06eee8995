// Converts names between kebab case and camel case.

/** `tcpKeepalive` is `tcp-keepalive`. */
export function kebabName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** `tcp-keepalive` is `tcpKeepalive`. */
export function camelName(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
}
