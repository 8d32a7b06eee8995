// Events of a failure detector that nobody listens to.

import type { DetectorEvents } from '../../src/cluster/liveness/events.ts'

const ignore = (): void => undefined

export const IGNORED_EVENTS: DetectorEvents = {
  onView: ignore,
  onDeclaredDead: ignore,
  onLeaseCheck: ignore,
  onPeerDown: ignore,
  onIsolated: ignore,
  onSettled: ignore,
  onChanged: ignore,
}
