// COMMAND DOCS: summary and syntax of a command, from which redis-cli makes its hints.

import type { ReplyWriter } from '../../resp/reply.ts'
import type { ArgumentSpec } from '../spec/command.ts'
import type { Command } from '../spec/ready-command.ts'

/** Writes the value of one field. */
type Field = readonly [name: string, write: () => void]

export function writeCommandDocs(reply: ReplyWriter, { spec, subcommands }: Command): void {
  const { deprecated, history, complexity } = spec
  const text = (name: string, value: string): Field => [name, () => reply.bulkText(value)]
  const docFlags = [...(deprecated === undefined ? [] : ['deprecated']), ...(spec.isSystem ? ['syscmd'] : [])]
  const fields: Field[] = [
    text('summary', spec.summary),
    text('since', spec.since),
    text('group', spec.group),
  ]
  if (complexity !== '') fields.push(text('complexity', complexity))
  if (docFlags.length !== 0) fields.push(['doc_flags', () => writeSet(reply, docFlags)])
  if (deprecated !== undefined) {
    fields.push(text('deprecated_since', deprecated.since), text('replaced_by', deprecated.replacedBy))
  }
  if (history !== undefined) {
    fields.push([
      'history',
      () => {
        reply.set(history.length)
        for (const [version, change] of history) {
          reply.array(2)
          reply.bulkText(version)
          reply.bulkText(change)
        }
      },
    ])
  }
  if (spec.arguments !== undefined) {
    const counter = { keys: 0, specs: spec.keys?.length ?? 0 }
    const list = spec.arguments
    fields.push(['arguments', () => writeArguments(reply, list, counter)])
  }
  if (subcommands.size !== 0) {
    fields.push([
      'subcommands',
      () => {
        reply.map(subcommands.size)
        for (const sub of subcommands.values()) {
          reply.bulkText(sub.fullName)
          writeCommandDocs(reply, sub)
        }
      },
    ])
  }
  writeFields(reply, fields)
}

/** The index of the key specification of the next key argument; the last one repeats. */
interface KeyCounter {
  keys: number
  readonly specs: number
}

function writeArguments(reply: ReplyWriter, list: readonly ArgumentSpec[], counter: KeyCounter): void {
  reply.array(list.length)
  for (const argument of list) writeArgument(reply, argument, counter)
}

function writeArgument(reply: ReplyWriter, argument: ArgumentSpec, counter: KeyCounter): void {
  const { name, type, token, since, deprecatedSince } = argument
  const text = (field: string, value: string): Field => [field, () => reply.bulkText(value)]
  const isComposed = type === 'oneof' || type === 'block'
  const fields: Field[] = [text('name', name), text('type', type)]
  if (!isComposed) fields.push(text('display_text', argument.display ?? name))
  if (type === 'key' && counter.specs > 0) {
    const index = Math.min(counter.keys++, counter.specs - 1)
    fields.push(['key_spec_index', () => reply.integer(index)])
  }
  if (token !== undefined) fields.push(text('token', token))
  if (since !== undefined) fields.push(text('since', since))
  if (deprecatedSince !== undefined) fields.push(text('deprecated_since', deprecatedSince))
  const flags: string[] = []
  if (argument.optional) flags.push('optional')
  if (argument.multiple) flags.push('multiple')
  if (argument.multipleToken) flags.push('multiple_token')
  if (flags.length !== 0) fields.push(['flags', () => writeSet(reply, flags)])
  if (isComposed) fields.push(['arguments', () => writeArguments(reply, argument.arguments ?? [], counter)])
  writeFields(reply, fields)
}

function writeFields(reply: ReplyWriter, fields: readonly Field[]): void {
  reply.map(fields.length)
  for (const [name, write] of fields) {
    reply.bulkText(name)
    write()
  }
}

function writeSet(reply: ReplyWriter, words: readonly string[]): void {
  reply.set(words.length)
  for (const word of words) reply.simple(word)
}
