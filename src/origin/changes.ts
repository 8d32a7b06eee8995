// Parses change notifications: which key or tag has changed, and in which group.

import type { ChangeListener } from '../group/origin.ts'

/**
 * Parses a payload: `{"key": …}`, `{"tag": …}` or `{"all": true}`, with `"group"` for one group only. Any other text
 * is a key.
 */
export function readChange(payload: string, listener: ChangeListener): void {
  const change = payload.startsWith('{') ? parse(payload) : undefined
  if (change === undefined) {
    if (payload !== '') listener.key(Buffer.from(payload, 'utf8'))
    return
  }
  const { key, tag, all, group } = change
  if (group !== undefined && group !== listener.group) return
  if (typeof key === 'string') listener.key(Buffer.from(key, 'utf8'))
  if (typeof tag === 'string') listener.tag(Buffer.from(tag, 'utf8'))
  if (all === true) listener.all()
}

function parse(payload: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value = JSON.parse(payload)
    return 'key' in value || 'tag' in value || 'all' in value ? value : undefined
  } catch {
    return undefined
  }
}
