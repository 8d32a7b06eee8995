// The second view: EXPLAIN, the keys of a group and their values, and invalidation.

import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { type ApiError, api, type KeyPage, typedKey } from '../api.ts'
import { bytes, count, millis, short } from '../format.ts'
import { Card, Empty, Facts, type Question, Table } from '../parts/common.tsx'
import { ReadPath } from '../parts/path.tsx'
import type { DashboardState, KeyName, ShownValue } from '../types.ts'

export interface OpenKey extends KeyName {
  readonly group: string
}

interface KeysProps {
  readonly state: DashboardState
  readonly opened: OpenKey | undefined
  readonly open: (key: OpenKey | undefined) => void
  readonly ask: (question: Question) => void
  readonly tell: (message: string, isError?: boolean) => void
}

export function Keys(props: KeysProps) {
  const { state, opened, open, ask, tell } = props
  const [chosen, setGroup] = useState(opened?.group ?? '')
  // The chosen one may have been removed by a reload.
  const group = (state.groups.find(({ name }) => name === chosen) ?? state.groups[0])?.name ?? ''
  const [version, setVersion] = useState(0)
  const changed = (): void => setVersion((before) => before + 1)
  useEffect(() => {
    if (opened !== undefined) setGroup(opened.group)
  }, [opened])
  const failed = (error: ApiError): void => tell(error.message, true)
  const flush = (): void =>
    ask({
      title: `Flush ${group}?`,
      text: (
        <p>
          All keys of the group <b>{group}</b> leave the caches of <b>all nodes</b>. Reads load them from the
          origin again, which may overload it. Without an origin they are lost.
        </p>
      ),
      action: 'Flush the group',
      run: () =>
        void api.flush(group).then(() => {
          tell(`The group ${group} is empty.`)
          changed()
        }, failed),
    })
  return (
    <div class="keys-view">
      <Card
        title="Keys"
        hint={
          state.may.flush && (
            <button type="button" class="button small danger-text" onClick={flush}>
              Flush group…
            </button>
          )
        }
      >
        <div class="field">
          <label for="group">Group</label>
          <select id="group" value={group} onChange={(event) => setGroup(event.currentTarget.value)}>
            {state.groups.map(({ name }) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </div>
        {state.may.browse ? (
          <Browser group={group} version={version} opened={opened} open={open} failed={failed} />
        ) : (
          <Empty>You may not see keys.</Empty>
        )}
        {state.may.invalidate && (
          <TagForm group={group} ask={ask} tell={tell} changed={changed} failed={failed} />
        )}
      </Card>
      <div class="stack">
        <ExplainForm group={group} open={open} />
        <Entry {...props} version={version} changed={changed} />
      </div>
    </div>
  )
}

interface BrowserProps {
  readonly group: string
  readonly version: number
  readonly opened: OpenKey | undefined
  readonly open: (key: OpenKey) => void
  readonly failed: (error: ApiError) => void
}

function Browser({ group, version, opened, open, failed }: BrowserProps) {
  const [pattern, setPattern] = useState('*')
  const [match, setMatch] = useState('*')
  const [page, setPage] = useState<KeyPage>()
  const [isBusy, setBusy] = useState(false)
  const list = useRef<HTMLUListElement>(null)
  /** What the list is of. Answers to earlier questions are ignored. */
  const subject = useRef('')
  const ask = (cursor: string, answered: (found: KeyPage) => void): void => {
    const asked = subject.current
    setBusy(true)
    api.keys(group, match, cursor).then(
      (found) => {
        if (asked !== subject.current) return
        setBusy(false)
        answered(found)
      },
      (error: ApiError) => {
        if (asked !== subject.current) return
        setBusy(false)
        failed(error)
      },
    )
  }
  // The keys of another group, or of another pattern, are not these.
  useEffect(() => setPage(undefined), [group, match])
  // `version` changes when keys were removed.
  useEffect(() => {
    subject.current = JSON.stringify([group, match, version])
    ask('0', setPage)
    return () => {
      subject.current = ''
    }
  }, [group, match, version])
  const more = (): void => {
    if (page === undefined || isBusy) return
    ask(page.cursor, ({ keys, cursor }) => {
      // A scan may return a key twice.
      const known = new Set(page.keys.map(({ id }) => id))
      setPage({ keys: [...page.keys, ...keys.filter(({ id }) => !known.has(id))], cursor })
      // The button may be gone: the keyboard goes on with the first new key.
      requestAnimationFrame(() => list.current?.children[known.size]?.querySelector('button')?.focus())
    })
  }
  const openedId = opened?.group === group ? opened.id : undefined
  // The same elements while nothing changes: the page is drawn every second, and there may be thousands of keys.
  const items = useMemo(
    () =>
      page?.keys.map((key) => (
        <li key={key.id}>
          <button type="button" aria-current={openedId === key.id} onClick={() => open({ ...key, group })}>
            {key.text === '' ? '(empty)' : key.text}
          </button>
        </li>
      )),
    [page, openedId, group],
  )
  return (
    <>
      <form
        class="field"
        onSubmit={(event) => {
          event.preventDefault()
          setMatch(pattern === '' ? '*' : pattern)
        }}
      >
        <label for="pattern">Pattern</label>
        <div class="row">
          <KeyInput id="pattern" value={pattern} change={setPattern} placeholder="user:*" />
          <button type="submit" class="button">
            Search
          </button>
        </div>
      </form>
      <ul ref={list} class="key-list" aria-label={`Keys of ${group}`} aria-busy={isBusy}>
        {items}
      </ul>
      <output class="note found">{page !== undefined && foundText(page)}</output>
      {page !== undefined && page.cursor !== '0' && (
        <button type="button" class="button wide" aria-disabled={isBusy} onClick={more}>
          More keys
        </button>
      )}
    </>
  )
}

function foundText({ keys, cursor }: KeyPage): string {
  const isAll = cursor === '0'
  if (keys.length === 0) return isAll ? 'No key matches.' : 'No key matches so far.'
  return `${keys.length} ${keys.length === 1 ? 'key' : 'keys'}${isAll ? '' : ' so far'}`
}

interface KeyInputProps {
  readonly id: string
  readonly value: string
  readonly change: (value: string) => void
  readonly placeholder: string
}

/** For a key, a pattern or a tag: nothing to complete or to correct. */
function KeyInput({ id, value, change, placeholder }: KeyInputProps) {
  return (
    <input
      id={id}
      class="mono"
      value={value}
      autocomplete="off"
      spellcheck={false}
      placeholder={placeholder}
      onInput={(event) => change(event.currentTarget.value)}
    />
  )
}

interface TagFormProps extends Pick<KeysProps, 'ask' | 'tell'> {
  readonly group: string
  readonly changed: () => void
  readonly failed: (error: ApiError) => void
}

function TagForm({ group, ask, tell, changed, failed }: TagFormProps) {
  const [tag, setTag] = useState('')
  const submit = (event: Event): void => {
    event.preventDefault()
    if (tag === '') return
    ask({
      title: `Invalidate the tag ${short(tag)}?`,
      text: (
        <p>
          All entries of <b>{group}</b> with the tag <code>{short(tag)}</code> become invalid on all nodes.
        </p>
      ),
      action: 'Invalidate the tag',
      run: () =>
        void api.invalidateTag(group, tag).then(() => {
          tell(`Entries with the tag ${short(tag)} are invalid.`)
          setTag('')
          changed()
        }, failed),
    })
  }
  return (
    <form class="field tag-form" onSubmit={submit}>
      <label for="tag">Invalidate a tag</label>
      <div class="row">
        <KeyInput id="tag" value={tag} change={setTag} placeholder="product:17" />
        <button type="submit" class="button" disabled={tag === ''}>
          Invalidate…
        </button>
      </div>
    </form>
  )
}

function ExplainForm({ group, open }: { readonly group: string; readonly open: (key: OpenKey) => void }) {
  const [text, setText] = useState('')
  return (
    <form
      class="explain-form"
      onSubmit={(event) => {
        event.preventDefault()
        open({ group, id: typedKey(text), text })
      }}
    >
      <label for="explain">Explain the read of a key in {group}</label>
      <div class="row">
        <KeyInput id="explain" value={text} change={setText} placeholder="a key" />
        <button type="submit" class="button primary">
          Explain
        </button>
      </div>
    </form>
  )
}

interface EntryProps extends KeysProps {
  readonly version: number
  readonly changed: () => void
}

function Entry({ state, opened, ask, tell, version, changed }: EntryProps) {
  const [shown, setShown] = useState<ShownValue>()
  const [problem, setProblem] = useState('')
  /** The number of the last request: answers to earlier ones, of another key, are ignored. */
  const last = useRef(0)
  const read = (key: OpenKey): void => {
    const number = ++last.current
    api.value(key.group, key.id).then(
      (value) => {
        if (number !== last.current) return
        setShown(value)
        setProblem('')
      },
      (error: ApiError) => {
        if (number !== last.current) return
        setShown(undefined)
        setProblem(error.message)
      },
    )
  }
  // `version` changes when keys were removed.
  useEffect(() => {
    last.current++
    setShown(undefined)
    setProblem('')
    if (opened !== undefined) read(opened)
  }, [opened?.group, opened?.id, version])
  if (opened === undefined)
    return (
      <Card title="Entry">
        <Empty>
          Choose a key, or type one to see what a read of it would do. Looking at a key does not load it.
        </Empty>
      </Card>
    )
  const group = state.groups.find(({ name }) => name === opened.group)
  const invalidate = (): void =>
    ask({
      title: 'Invalidate this key?',
      text: (
        <p>
          <code>{short(opened.text)}</code> leaves the cache of <b>{opened.group}</b>. The origin is not
          written; without one, the value is lost.
        </p>
      ),
      action: 'Invalidate the key',
      run: () =>
        void api.invalidate(opened.group, opened.id).then(
          ({ removed }) => {
            tell(
              removed === 0
                ? 'Nothing was cached under this key.'
                : `${short(opened.text)} was removed from the cache.`,
            )
            changed()
          },
          (error: ApiError) => tell(error.message, true),
        ),
    })
  return (
    <Card
      title={opened.text === '' ? '(empty key)' : opened.text}
      class="entry"
      hint={
        <span class="actions">
          <button type="button" class="button small" onClick={() => read(opened)}>
            Refresh
          </button>
          {state.may.invalidate && (
            <button type="button" class="button small danger-text" onClick={invalidate}>
              Invalidate…
            </button>
          )}
        </span>
      }
    >
      {problem !== '' && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {shown !== undefined && (
        <>
          <ReadPath explanation={shown.explanation} node={state.node.name} origin={group?.origin ?? null} />
          <EntryFacts explanation={shown.explanation} />
          <Value value={shown.value} />
        </>
      )}
    </Card>
  )
}

function EntryFacts({ explanation }: Pick<ShownValue, 'explanation'>) {
  const {
    type,
    encoding,
    elements,
    ageMs,
    ttlMs,
    bytes: size,
    loadMs,
    nextRefreshMs,
    tags,
    state,
  } = explanation
  const lifetime = ttlMs === -1 ? 'no limit' : ttlMs === -2 ? '–' : millis(ttlMs)
  const facts: readonly (readonly [string, string])[] = [
    ['State', state ?? 'not known'],
    ['Type', type === 'none' || type === null ? '–' : `${type}${encoding === null ? '' : `, ${encoding}`}`],
    ...(elements === null ? [] : [['Elements', count(elements)] as const]),
    ['Age', millis(ageMs)],
    ['Lifetime left', lifetime],
    ['Size', bytes(size)],
    ['Load took', millis(loadMs)],
    ...(nextRefreshMs === null ? [] : [['Refresh in', millis(nextRefreshMs)] as const]),
    ['Tags', count(tags)],
  ]
  return <Facts facts={facts} />
}

function Value({ value }: Pick<ShownValue, 'value'>) {
  if (value === null) return <Empty>No value is cached here.</Empty>
  if (value.kind === 'string')
    return (
      // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
      <section class="value" tabIndex={0} aria-label="Value">
        <pre>{pretty(value.text)}</pre>
      </section>
    )
  return (
    <Table label="Value" class="mono" columns={value.columns.map((column) => [column] as const)}>
      {value.rows.map((row, i) => (
        <tr key={`${i}${row[0]}`}>
          {row.map((cell, j) => (
            <td key={value.columns[j]}>{cell}</td>
          ))}
        </tr>
      ))}
    </Table>
  )
}

/** JSON with line breaks; anything else as it is. */
function pretty(text: string): string {
  if (!/^\s*[[{]/.test(text)) return text
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2)
  } catch {
    return text
  }
}
