// A chart over time, drawn by uPlot.

import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import { clock } from '../format.ts'

interface Series {
  readonly label: string
  /** The name of a colour of the style sheet: `--series-1`. */
  readonly color: string
  readonly values: readonly (number | null)[]
  readonly isFilled?: boolean
}

interface ChartProps {
  readonly title: string
  /** Seconds since the epoch. */
  readonly times: readonly number[]
  readonly series: readonly Series[]
  readonly format: (value: number | null) => string
  /** Steps of the vertical axis that `format` writes exactly; by default those of uPlot. */
  readonly steps?: readonly number[]
}

const HEIGHT = 200
/** The shortest time that is shown, even if less is known: the line grows in from the right. */
const MIN_SECONDS = 60

export function Chart({ title, times, series, format, steps }: ChartProps) {
  const place = useRef<HTMLDivElement>(null)
  const chart = useRef<uPlot | undefined>(undefined)
  const shape = series.map(({ label, color }) => `${label} ${color}`).join()

  // The shape stands for the series: their values are set below.
  useEffect(() => {
    const element = place.current
    if (element === null) return
    const draw = (): void => {
      chart.current?.destroy()
      chart.current = new uPlot(optionsOf(element, series, format, steps), dataOf(times, series), element)
    }
    draw()
    const resized = new ResizeObserver(() =>
      chart.current?.setSize({ width: element.clientWidth, height: HEIGHT }),
    )
    resized.observe(element)
    // Colours are read when the chart is made.
    const themed = new MutationObserver(draw)
    themed.observe(document.documentElement, { attributeFilter: ['data-theme'] })
    return () => {
      resized.disconnect()
      themed.disconnect()
      chart.current?.destroy()
      chart.current = undefined
    }
  }, [shape])

  useEffect(() => {
    chart.current?.setData(dataOf(times, series))
  }, [times, series])

  const latest = series.map(({ label, values }) => `${label} ${format(values.at(-1) ?? null)}`)
  return (
    <figure class="chart">
      <div ref={place} role="img" aria-label={`${title}, now: ${latest.join(', ')}`} />
      <figcaption class="legend">
        {series.map(({ label, color, values }) => (
          <span key={label}>
            <i class={`swatch ${color}`} aria-hidden="true" />
            {label} <b>{format(values.at(-1) ?? null)}</b>
          </span>
        ))}
      </figcaption>
    </figure>
  )
}

function dataOf(times: readonly number[], series: readonly Series[]): uPlot.AlignedData {
  return [times, ...series.map(({ values }) => values)] as unknown as uPlot.AlignedData
}

function optionsOf(
  element: HTMLElement,
  series: readonly Series[],
  format: (value: number | null) => string,
  steps: readonly number[] | undefined,
): uPlot.Options {
  const style = getComputedStyle(element)
  const color = (name: string): string => style.getPropertyValue(`--${name}`).trim()
  const font = `11px ${style.fontFamily}`
  const axis = { stroke: color('muted'), font, ticks: { show: false } }
  return {
    width: element.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
    padding: [8, 20, 0, 0],
    scales: {
      x: { range: (_, first, last) => [Math.min(first, last - MIN_SECONDS), last] },
      y: { range: (_, __, highest) => [0, highest > 0 ? highest * 1.1 : 1] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 28,
        space: 80,
        values: (_, splits) => splits.map((at) => clock(at * 1000)),
      },
      {
        ...axis,
        size: 64,
        space: 36,
        grid: { stroke: color('line'), width: 1 },
        values: (_, splits) => splits.map((value) => format(value)),
        ...(steps && { incrs: [...steps] }),
      },
    ],
    series: [
      {},
      ...series.map(
        ({ label, color: name, isFilled }): uPlot.Series => ({
          label,
          stroke: color(name),
          width: 1.75,
          points: { show: false },
          ...(isFilled && { fill: `${color(name)}22` }),
        }),
      ),
    ],
  }
}
