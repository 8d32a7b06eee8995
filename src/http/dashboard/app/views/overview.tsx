// The first view: what the cache does now.

import { useState } from 'preact/hooks'
import { ago, bytes, count, percent, rate, seconds } from '../format.ts'
import type { History, Rates } from '../history.ts'
import { Chart } from '../parts/chart.tsx'
import { Bar, Card, Empty, Pill, Spark, Table } from '../parts/common.tsx'
import type { DashboardState, GroupState, Tone } from '../types.ts'

/** Hot keys, and errors of origins, that are shown. */
const MOST_HOT = 8
const MOST_FAILURES = 6
/** Groups that are shown at once: a node may have thousands. */
const MOST_GROUPS = 50

/** 0.1, 0.2, 0.5, 1, …: rates below 10 have one decimal. */
const RATE_STEPS = Array.from({ length: 36 }, (_, i) => [1, 2, 5][i % 3] * 10 ** (Math.floor(i / 3) - 1))

interface OverviewProps {
  readonly state: DashboardState
  readonly history: History
  /** The group whose charts are shown; `undefined`: all together. */
  readonly group: string | undefined
  readonly select: (group: string | undefined) => void
  readonly openKey: (group: string, key: string, text: string) => void
}

export function Overview({ state, history, group, select, openKey }: OverviewProps) {
  const { points, recent } = history
  const ratesOf = (point: (typeof points)[number]): Rates =>
    group === undefined ? point.total : (point.groups[group] ?? point.total)
  const now = recent && ratesOf(recent)
  const times = points.map(({ at }) => at)
  const series = (of: (rates: Rates) => number | null): (number | null)[] =>
    points.map((point) => of(ratesOf(point)))
  const { usedBytes, budgetBytes } = state.node
  const subject = group ?? 'all groups'
  return (
    <>
      <div class="tiles">
        <Tile
          title="Hit ratio"
          value={percent(now?.hitRatio)}
          note={`${rate(now?.hits)} hits/s, ${rate(now?.negativeHits)} negative`}
          values={series(({ hitRatio }) => hitRatio)}
          top={1}
        />
        <Tile
          title="Reads"
          value={rate(now?.reads)}
          unit="/s"
          note={`${rate(recent?.commands)} commands/s`}
          values={series(({ reads }) => reads)}
        />
        <Tile
          title="Loads"
          value={rate(now?.loads)}
          unit="/s"
          note={`${rate(now?.joined)} waiters/s joined one`}
          values={series(({ loads }) => loads)}
        />
        <Tile
          title="Origin, 99th percentile"
          value={seconds(now?.p99)}
          note={`median ${seconds(now?.p50)}`}
          values={series(({ p99 }) => p99)}
        />
        <Tile
          title="Failed loads"
          value={rate(now?.failures)}
          unit="/s"
          tone={now !== undefined && now.failures > 0 ? 'bad' : undefined}
          note={
            now === undefined || now.loads === 0
              ? 'no loads'
              : `${percent(now.failures / now.loads)} of loads`
          }
          values={series(({ failures }) => failures)}
        />
        <Tile title="Budget in use" value={bytes(usedBytes)} note={`of ${bytes(budgetBytes)}`}>
          <Bar value={usedBytes / budgetBytes} label="Budget in use" />
        </Tile>
      </div>

      <div class="two">
        <Card title="Reads per second" hint={subject}>
          <Chart
            title={`Reads per second of ${subject}`}
            times={times}
            format={rate}
            steps={RATE_STEPS}
            series={[
              { label: 'Hits', color: 'series-1', values: series(({ hits }) => hits), isFilled: true },
              {
                label: 'Negative hits',
                color: 'series-4',
                values: series(({ negativeHits }) => negativeHits),
              },
              { label: 'Misses', color: 'series-3', values: series(({ misses }) => misses) },
            ]}
          />
        </Card>
        <Card title="Duration of loads" hint={subject}>
          <Chart
            title={`Duration of loads of ${subject}`}
            times={times}
            format={seconds}
            series={[
              { label: 'Median', color: 'series-2', values: series(({ p50 }) => p50) },
              { label: '99th percentile', color: 'series-3', values: series(({ p99 }) => p99) },
            ]}
          />
        </Card>
      </div>

      <Groups state={state} history={history} group={group} select={select} />

      <div class="two">
        <Card title="Hot keys" hint="estimated accesses per second">
          <HotKeys state={state} openKey={openKey} />
        </Card>
        <Card title="Latest errors of origins">
          <Failures state={state} most={MOST_FAILURES} />
        </Card>
      </div>
    </>
  )
}

interface TileProps {
  readonly title: string
  readonly value: string
  readonly unit?: string
  readonly note: string
  readonly tone?: Tone
  readonly values?: readonly (number | null)[]
  readonly top?: number
  readonly children?: preact.ComponentChildren
}

function Tile({ title, value, unit = '', note, tone, values, top, children }: TileProps) {
  return (
    <section class="tile" aria-label={title}>
      <h2>{title}</h2>
      <p class={`figure ${tone ?? ''}`}>
        {value}
        {value !== '–' && unit !== '' && <small>{unit}</small>}
      </p>
      <p class="note">{note}</p>
      {values !== undefined && <Spark values={values.slice(-60)} top={top} />}
      {children}
    </section>
  )
}

type GroupsProps = Pick<OverviewProps, 'state' | 'history' | 'group' | 'select'>

const GROUP_COLUMNS = [
  ['Group'],
  ['Origin'],
  ['Hit ratio', 'number'],
  ['Reads/s', 'number'],
  ['Loads/s', 'number'],
  ['Median', 'number'],
  ['99 %', 'number'],
  ['Running', 'number'],
  ['Queue', 'number'],
  ['Keys', 'number'],
  ['Memory'],
] as const

function Groups({ state, history, group, select }: GroupsProps) {
  const [filter, setFilter] = useState('')
  const found = state.groups.filter(({ name }) => name.includes(filter))
  const shown = found.slice(0, MOST_GROUPS)
  return (
    <Card
      title="Groups"
      hint={
        group === undefined ? (
          'select one to see its charts'
        ) : (
          <button type="button" class="link" onClick={() => select(undefined)}>
            Show all together
          </button>
        )
      }
    >
      {state.groups.length > MOST_GROUPS && (
        <div class="field filter">
          <label for="filter">Name contains</label>
          <input
            id="filter"
            class="mono"
            autocomplete="off"
            value={filter}
            onInput={(event) => setFilter(event.currentTarget.value)}
          />
          <output class="muted">
            {shown.length < found.length
              ? `${shown.length} of ${found.length} groups`
              : `${found.length} groups`}
          </output>
        </div>
      )}
      <Table label="Figures of groups" class="groups" columns={GROUP_COLUMNS}>
        {shown.map((each) => (
          <GroupRow
            key={each.name}
            group={each}
            rates={history.recent?.groups[each.name]}
            isSelected={each.name === group}
            select={() => select(each.name === group ? undefined : each.name)}
          />
        ))}
      </Table>
    </Card>
  )
}

interface GroupRowProps {
  readonly group: GroupState
  readonly rates: Rates | undefined
  readonly isSelected: boolean
  readonly select: () => void
}

function GroupRow({ group, rates, isSelected, select }: GroupRowProps) {
  const { name, origin, used, budget, keys, originActive, originWaiting, originLimit } = group
  return (
    <tr class={isSelected ? 'selected' : ''}>
      <th scope="row">
        <button type="button" class="link strong" aria-pressed={isSelected} onClick={select}>
          {name}
        </button>
      </th>
      <td>
        <OriginState group={group} kind={origin} />
      </td>
      <td class="number">{percent(rates?.hitRatio)}</td>
      <td class="number">{rate(rates?.reads)}</td>
      <td class="number">{origin === null ? '–' : rate(rates?.loads)}</td>
      <td class="number">{seconds(rates?.p50)}</td>
      <td class="number">{seconds(rates?.p99)}</td>
      <td class="number">
        {origin === null ? '–' : originActive}
        {originLimit !== null && origin !== null && <span class="of"> / {originLimit}</span>}
      </td>
      <td class={`number ${originWaiting > 0 ? 'warn-text' : ''}`}>
        {origin === null ? '–' : originWaiting}
      </td>
      <td class="number">{count(keys)}</td>
      <td class="memory">
        <span>
          {bytes(used)} <span class="of">/ {bytes(budget)}</span>
        </span>
        <Bar value={used / budget} label={`Budget of ${name} in use`} />
      </td>
    </tr>
  )
}

function OriginState({ group, kind }: { readonly group: GroupState; readonly kind: string | null }) {
  if (kind === null) return <Pill tone="idle">none</Pill>
  const { breaker, isDisconnected, writesPending, writeLagMs } = group
  if (breaker === 'open') return <Pill tone="bad">{kind}: breaker open</Pill>
  if (breaker === 'half-open') return <Pill tone="warn">{kind}: breaker half-open</Pill>
  if (isDisconnected) return <Pill tone="warn">{kind}: notifications interrupted</Pill>
  if (writesPending > 0)
    return (
      <Pill tone={writeLagMs > 10_000 ? 'warn' : 'good'}>
        {kind}: {count(writesPending)} writes pending
      </Pill>
    )
  return <Pill tone="good">{kind}</Pill>
}

function HotKeys({ state, openKey }: Pick<OverviewProps, 'state' | 'openKey'>) {
  const { hotKeys, may } = state
  if (!may.browse) return <Empty>You may not see keys.</Empty>
  if (hotKeys.length === 0)
    return <Empty>No key has more than one percent of the accesses of its group.</Empty>
  const most = hotKeys[0].rate
  return (
    <ol class="hot">
      {hotKeys.slice(0, MOST_HOT).map(({ group, id, text, rate: accesses, share }) => (
        <li key={`${group} ${id}`}>
          <button type="button" class="link key" onClick={() => openKey(group, id, text)}>
            {text === '' ? '(empty)' : text}
          </button>
          <span class="muted">{group}</span>
          <span class="number">{rate(accesses)}</span>
          <span class="number muted">{percent(share)}</span>
          <Bar value={most === 0 ? 0 : accesses / most} label={`Accesses of ${text}`} />
        </li>
      ))}
    </ol>
  )
}

export function Failures({ state, most }: { readonly state: DashboardState; readonly most: number }) {
  const { failures, at } = state
  if (failures.length === 0) return <Empty>No origin has failed since the node started.</Empty>
  return (
    <ul class="failures">
      {failures.slice(0, most).map(({ group, kind, error, key, at: when, count: times }) => (
        <li key={`${group}${kind}${error}${when}`}>
          <div>
            <b>{group}</b> <span class="muted">{kind === 'load' ? 'load' : 'write'}</span>{' '}
            {key.text !== '' && <code>{key.text}</code>}
            <time class="muted" dateTime={new Date(when).toISOString()}>
              {times > 1 ? `${count(times)} times, last ` : ''}
              {ago(when, at)}
            </time>
          </div>
          <p>{error}</p>
        </li>
      ))}
    </ul>
  )
}
