// Draws the hit ratios: a line for each trace and capacity, a dot for each policy, a mark at the optimum.

import { picture, text } from '../chart.ts'
import type { EvictionResults } from './figures.ts'

const COLOURS = ['#868e96', '#4c6ef5', '#2f9e44', '#d9480f', '#ae3ec9', '#f08c00']
const WIDTH = 760
const LEFT = 190
const SCALE_WIDTH = WIDTH - LEFT - 30
const ROW = 17
const GAP = 10
const TOP = 84
/** A larger dot is seen around a smaller one at the same place. */
const RADII = [6, 5.2, 4.4, 3.6, 2.8, 2]

export function evictionChart({ rows, cpuNanos, command, conditions }: EvictionResults): string {
  const policies = Object.keys(cpuNanos)
  const x = (hits: number): number => LEFT + hits * SCALE_WIDTH
  const lines: string[] = []
  let y = TOP
  let last = rows[0]?.trace
  for (const { trace, share, own, optimum } of rows) {
    if (trace !== last) y += GAP
    last = trace
    lines.push(text(LEFT - 14, y + 4, `${trace}, ${100 * share} %`, 'end'))
    lines.push(line(LEFT, y, LEFT + SCALE_WIDTH, y, 0.3))
    policies.forEach((policy, i) => {
      lines.push(dot(x(own[policy]), y, i))
    })
    if (optimum !== undefined) lines.push(line(x(optimum), y - 6, x(optimum), y + 6, 1))
    y += ROW
  }
  const bottom = y - ROW + 8
  const scale = [0, 0.2, 0.4, 0.6, 0.8, 1].flatMap((hits) => [
    line(x(hits), TOP - 10, x(hits), bottom, 0.3),
    text(x(hits), TOP - 16, `${100 * hits} %`, 'middle'),
  ])
  const names = policies.flatMap((policy, i) => [
    dot(LEFT + i * 100, 40, i),
    text(LEFT + i * 100 + 12, 44, policy),
  ])
  const optimumAt = LEFT + policies.length * 100
  return picture(WIDTH, bottom + 34, 'Hit ratios of the eviction policies', [
    text(LEFT - 6, 20, 'Hits, as a share of all accesses'),
    ...names,
    line(optimumAt, 34, optimumAt, 46, 1),
    text(optimumAt + 8, 44, 'offline optimum'),
    ...scale,
    ...lines,
    text(LEFT - 6, bottom + 26, `${command}, ${conditions.date}`),
  ])
}

function dot(x: number, y: number, policy: number): string {
  return `<circle cx="${x.toFixed(1)}" cy="${y}" r="${RADII[policy % RADII.length]}" fill="${COLOURS[policy % COLOURS.length]}"/>`
}

function line(x1: number, y1: number, x2: number, y2: number, opacity: number): string {
  const at = `x1="${x1.toFixed(1)}" y1="${y1}" x2="${x2.toFixed(1)}" y2="${y2}"`
  return `<line ${at} stroke="#868e96" stroke-width="${opacity === 1 ? 2.5 : 1}" stroke-opacity="${opacity}"/>`
}
