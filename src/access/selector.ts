// A selector: rules about commands, keys, channels and groups that allow a request together.

import type { CommandCatalog } from './catalog.ts'
import { ChannelRules } from './rules/channels.ts'
import { CommandRules } from './rules/commands.ts'
import { SYNTAX_ERROR } from './rules/errors.ts'
import { GroupRules } from './rules/groups.ts'
import { KeyRules } from './rules/keys.ts'

/** The rights of new users and selectors. */
export interface RuleContext {
  readonly catalog: CommandCatalog
  /** Whether they may use every channel (Redis: `acl-pubsub-default allchannels`). */
  allowsChannels: boolean
}

export class Selector {
  readonly commands: CommandRules
  readonly keys: KeyRules
  readonly channels: ChannelRules
  readonly groups: GroupRules

  constructor(
    commands: CommandRules,
    keys = new KeyRules(),
    channels = new ChannelRules(false),
    groups = new GroupRules(),
  ) {
    this.commands = commands
    this.keys = keys
    this.channels = channels
    this.groups = groups
  }

  copy(): Selector {
    const { commands, keys, channels, groups } = this
    return new Selector(commands.copy(), keys.copy(), channels.copy(), groups.copy())
  }

  /** Applies a rule. Returns why it is refused; `undefined`: it is applied. */
  apply(rule: string): string | undefined {
    const change = WORDS.get(rule.toLowerCase())
    if (change !== undefined) {
      change(this)
      return undefined
    }
    switch (rule[0]) {
      case '~':
      case '%':
        return this.keys.apply(rule)
      case '&':
        return this.channels.apply(rule)
      case '@':
        return this.groups.apply(rule)
      case '+':
      case '-':
        return this.commands.apply(rule)
    }
    return SYNTAX_ERROR
  }

  /** The rules from which the same can be made again. */
  get text(): string {
    const { commands, keys, channels, groups } = this
    const parts = [keys.text, channels.allowsAll ? channels.text : `resetchannels ${channels.text}`.trim()]
    if (groups.isSet) parts.push(groups.allowsAll ? groups.text : `resetgroups ${groups.text}`.trim())
    return [...parts, commands.text].filter((part) => part !== '').join(' ')
  }
}

/** Rules that are words. */
const WORDS: ReadonlyMap<string, (selector: Selector) => void> = new Map([
  ['allkeys', ({ keys }) => keys.setAll(true)],
  ['~*', ({ keys }) => keys.setAll(true)],
  ['resetkeys', ({ keys }) => keys.setAll(false)],
  ['allchannels', ({ channels }) => channels.setAll(true)],
  ['&*', ({ channels }) => channels.setAll(true)],
  ['resetchannels', ({ channels }) => channels.setAll(false)],
  ['allgroups', ({ groups }) => groups.setAll(true)],
  ['resetgroups', ({ groups }) => groups.setAll(false)],
  ['allcommands', ({ commands }) => commands.setAll(true)],
  ['+@all', ({ commands }) => commands.setAll(true)],
  ['nocommands', ({ commands }) => commands.setAll(false)],
  ['-@all', ({ commands }) => commands.setAll(false)],
])

/** A selector of rules in parentheses. A text: why it is refused. */
export function parseSelector(text: string, context: RuleContext): Selector | string {
  const selector = newSelector(context)
  for (const rule of text.slice(1, -1).split(/[\s\0]+/)) {
    if (rule === '') continue
    const error = selector.apply(rule)
    if (error !== undefined) return error
    // It would be printed as the end of the selector.
    if (rule.endsWith(')')) return SYNTAX_ERROR
  }
  return selector
}

/** A selector that allows nothing. */
export function newSelector({ catalog, allowsChannels }: RuleContext): Selector {
  return new Selector(new CommandRules(catalog), undefined, new ChannelRules(allowsChannels))
}
