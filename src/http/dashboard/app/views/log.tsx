// The fourth view: the slow log, and errors of origins.

import { clock, seconds } from '../format.ts'
import { Card, Empty, Table } from '../parts/common.tsx'
import type { DashboardState } from '../types.ts'
import { Failures } from './overview.tsx'

export function LogView({ state }: { readonly state: DashboardState }) {
  return (
    <>
      <Card title="Slow log" hint="commands and calls of origins above their thresholds">
        <SlowLog state={state} />
      </Card>
      <Card title="Latest errors of origins">
        <Failures state={state} most={50} />
      </Card>
    </>
  )
}

function SlowLog({ state }: { readonly state: DashboardState }) {
  const { slowLog, may } = state
  if (!may.browse) return <Empty>You may not see keys.</Empty>
  if (slowLog.length === 0) return <Empty>Nothing was slow.</Empty>
  return (
    <Table label="Slow commands and calls" columns={[['Time'], ['Took', 'number'], ['Command'], ['Client']]}>
      {slowLog.map(({ id, at, micros, command, client }) => (
        <tr key={id}>
          <td class="nowrap">{clock(at)}</td>
          <td class="number">{seconds(micros / 1e6)}</td>
          <td class="mono command">{command}</td>
          <td class="mono nowrap">{client === '' ? 'origin' : client}</td>
        </tr>
      ))}
    </Table>
  )
}
