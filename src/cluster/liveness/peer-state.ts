// What one peer has told this node: its latest state, and how often it declared this node dead.

import type { Marks, StateMessage } from './state.ts'

/** Runs of a peer that are remembered, so that what a process sent before it ended is known as such. */
const RUNS_KEPT = 8

interface Run {
  /** Another run has spoken since. */
  over: boolean
  deposed: number
  alone: number
}

export class Correspondent {
  /** The run that speaks now; '' before the first contact. */
  runId = ''
  /** The newest message of that run. */
  message: StateMessage | undefined
  readonly #self: string
  readonly #selfRun: string
  readonly #runs = new Map<string, Run>()
  /** Whether the peer owned what this node did, when it last spoke: it held this node for dead. */
  #rivals = false
  /** While this node may not have noticed that the peer had reason to declare it dead: answers to later messages tell. */
  #unsure: number | undefined

  /** @param self the name of this node, and its run */
  constructor(self: string, selfRun: string) {
    this.#self = self
    this.#selfRun = selfRun
  }

  /** This node stood still or was cut off, after it had sent the message of that serial. */
  doubt(serial: number): void {
    this.#unsure = serial
  }

  /** The message of that serial was answered, and the answer was looked at. */
  answered(serial: number): void {
    if (this.#unsure !== undefined && serial > this.#unsure) this.#unsure = undefined
  }

  /** Whether that run has ended: another one has spoken since. */
  over(runId: string): boolean {
    return this.#runs.get(runId)?.over === true
  }

  /** Notes the run that speaks. True when it took the place of another. */
  meet(runId: string): boolean {
    if (runId === this.runId) return false
    const previous = this.#runs.get(this.runId)
    if (previous) previous.over = true
    this.runId = runId
    this.message = undefined
    this.#rivals = false
    this.#run(runId)
    return previous !== undefined
  }

  /** Takes in a message of the present run. False when it says nothing new of the others. */
  take(message: StateMessage): boolean {
    const before = this.message
    if (before && message.serial <= before.serial) return false
    this.message = message
    return !before || !sameContent(before, message)
  }

  /** Whether the marks tell that this node was declared dead since it last looked, and may have been rightly. */
  condemns(runId: string, deposed: Marks, alone: Marks): boolean {
    if (this.over(runId)) return false
    const seen = this.#run(runId)
    const count = this.#countOf(deposed)
    const countAlone = this.#countOf(alone)
    const news = count > seen.deposed || (countAlone > seen.alone && this.#unsure !== undefined)
    seen.deposed = Math.max(seen.deposed, count)
    seen.alone = Math.max(seen.alone, countAlone)
    return news
  }

  /**
   * Whether a time is over in which the peer owned what this node did, as it held this node for dead: what came in
   * since its mark was seen counts no more than what was there before.
   *
   * @param met whether this node can talk to the peer from now on, and could not before
   * @param owns whether this node is in its own view
   * @param epoch the epoch of this node
   */
  rivalryEnds(message: StateMessage, met: boolean, owns: boolean, epoch: number): boolean {
    if (owns && message.epoch !== epoch && this.#replaces(message)) this.#rivals = true
    return (met && this.#reconcile()) || this.agrees(message, epoch)
  }

  /** The same, when a third member has heard that the peer is of our mind. */
  agrees({ runId, epoch }: { readonly runId: string; readonly epoch: number }, ours: number): boolean {
    return epoch === ours && runId === this.runId && this.#reconcile()
  }

  #reconcile(): boolean {
    const ended = this.#rivals
    this.#rivals = false
    return ended
  }

  #replaces({ accused, deposed, alone }: StateMessage): boolean {
    const charge = accused[this.#self]
    if (charge === undefined || charge === 'willing') return false
    const count = this.#countOf(deposed)
    const countAlone = this.#countOf(alone)
    return count > countAlone || (countAlone > 0 && this.#unsure !== undefined)
  }

  /** The mark of this node, when it is meant in this run. */
  #countOf(marks: Marks): number {
    const mark = marks[this.#self]
    return mark && (mark.runId === '' || mark.runId === this.#selfRun) ? mark.count : 0
  }

  #run(runId: string): Run {
    let run = this.#runs.get(runId)
    if (!run) {
      run = { over: false, deposed: 0, alone: 0 }
      this.#runs.set(runId, run)
      for (const old of this.#runs.keys()) {
        if (this.#runs.size <= RUNS_KEPT) break
        if (old !== this.runId) this.#runs.delete(old)
      }
    }
    return run
  }
}

function sameContent(a: StateMessage, b: StateMessage): boolean {
  const content = ({ weight, leaving, accused, deaf, unknown, hearsay }: StateMessage) =>
    JSON.stringify([weight, leaving, accused, deaf, unknown, hearsay])
  return content(a) === content(b)
}
