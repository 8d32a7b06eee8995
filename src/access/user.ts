// A user: its name, its passwords, and the selectors that say what it may do (Redis: ACL).

import { isPasswordHash, Passwords, passwordDigest } from './passwords.ts'
import { BAD_HASH, NO_SUCH_PASSWORD } from './rules/errors.ts'
import { newSelector, parseSelector, type RuleContext, type Selector } from './selector.ts'

/*
 * Names, rules and patterns are texts with one character per byte (latin1): Redis allows any bytes in them.
 */

export class User {
  readonly name: string
  isEnabled = false
  /** Any password is accepted. */
  needsNoPassword = false
  /** Whether RESTORE checks what it gets. Kept and printed; it always does here. */
  sanitizesPayload: boolean | undefined
  passwords = new Passwords()
  /** The first one, the root, has the rules outside of parentheses. */
  selectors: readonly Selector[]
  /** Whether it may run every command on every key of every group: then nothing has to be checked. */
  isUnlimited = false
  readonly #context: RuleContext

  /** A user that may do nothing. */
  constructor(name: string, context: RuleContext) {
    this.name = name
    this.#context = context
    this.selectors = [newSelector(context)]
  }

  get root(): Selector {
    return this.selectors[0]
  }

  /** Whether a client needs no AUTH to be this user. */
  get isOpen(): boolean {
    return this.isEnabled && this.needsNoPassword
  }

  /** Takes over everything but the name. */
  become(other: User): void {
    this.isEnabled = other.isEnabled
    this.needsNoPassword = other.needsNoPassword
    this.sanitizesPayload = other.sanitizesPayload
    this.passwords = new Passwords(other.passwords)
    this.selectors = other.selectors.map((selector) => selector.copy())
    this.update()
  }

  /** Updates what is derived from the rules. To be called when they have changed. */
  update(): void {
    this.isUnlimited = this.selectors.some(
      (selector) =>
        selector.commands.allowsAll &&
        selector.keys.allowsAll &&
        selector.channels.allowsAll &&
        this.groupsOf(selector) === undefined,
    )
  }

  /** The rules about groups that hold for a selector; `undefined`: it may use every group. */
  groupsOf({ groups }: Selector) {
    const rules = groups.isSet ? groups : this.root.groups
    return rules.isSet && !rules.allowsAll ? rules : undefined
  }

  /** Applies a rule. Returns why it is refused; `undefined`: it is applied. `update` has to be called afterwards. */
  apply(rule: string): string | undefined {
    if (rule === '') return undefined
    const change = WORDS.get(rule.toLowerCase())
    if (change !== undefined) {
      change(this)
      return undefined
    }
    if ('><#!'.includes(rule[0])) return this.#applyPassword(rule[0], rule.slice(1))
    if (rule.startsWith('(') && rule.endsWith(')')) {
      const selector = parseSelector(rule, this.#context)
      if (typeof selector === 'string') return selector
      this.selectors = [...this.selectors, selector]
      return undefined
    }
    return this.root.apply(rule)
  }

  #applyPassword(kind: string, text: string): string | undefined {
    const isPlain = kind === '>' || kind === '<'
    if (!isPlain && !isPasswordHash(text)) return BAD_HASH
    const hash = isPlain ? passwordDigest(Buffer.from(text, 'latin1')).toString('hex') : text
    if (kind === '>' || kind === '#') {
      this.passwords.add(hash)
      this.needsNoPassword = false
    } else if (!this.passwords.remove(hash)) return NO_SUCH_PASSWORD
    return undefined
  }

  clearSelectors(): void {
    this.selectors = [this.root]
  }

  /** Back to the state of a new user. */
  reset(): void {
    for (const rule of RESET) this.apply(rule)
    this.root.groups.clear()
    this.root.channels.setAll(this.#context.allowsChannels)
  }

  /** `on`, `nopass`…, as they are printed. */
  get flags(): readonly string[] {
    const flags = [this.isEnabled ? 'on' : 'off']
    if (this.needsNoPassword) flags.push('nopass')
    if (this.sanitizesPayload !== undefined)
      flags.push(this.sanitizesPayload ? 'sanitize-payload' : 'skip-sanitize-payload')
    return flags
  }

  /** The rules from which the same can be made again. */
  get text(): string {
    const passwords = this.passwords.hashes.map((hash) => `#${hash}`)
    const [root, ...others] = this.selectors.map(({ text }) => text)
    return [...this.flags, ...passwords, root, ...others.map((text) => `(${text})`)].join(' ')
  }

  /** As it stands in an ACL file. */
  get line(): string {
    return `user ${this.name} ${this.text}`
  }
}

const RESET = ['resetpass', 'resetkeys', 'off', 'sanitize-payload', 'clearselectors', '-@all'] as const

/** Rules that are words, and concern the user as a whole. */
const WORDS: ReadonlyMap<string, (user: User) => void> = new Map([
  [
    'on',
    (user) => {
      user.isEnabled = true
    },
  ],
  [
    'off',
    (user) => {
      user.isEnabled = false
    },
  ],
  [
    'sanitize-payload',
    (user) => {
      user.sanitizesPayload = true
    },
  ],
  [
    'skip-sanitize-payload',
    (user) => {
      user.sanitizesPayload = false
    },
  ],
  [
    'nopass',
    (user) => {
      user.needsNoPassword = true
      user.passwords.clear()
    },
  ],
  [
    'resetpass',
    (user) => {
      user.needsNoPassword = false
      user.passwords.clear()
    },
  ],
  ['clearselectors', (user) => user.clearSelectors()],
  ['reset', (user) => user.reset()],
])

/** The user that may do everything: for nodes of the cluster and the program that embeds the node. */
export const SUPERUSER: User = superuser()

function superuser(): User {
  const user = new User('(superuser)', {
    catalog: { all: [], size: 0, byName: () => undefined },
    allowsChannels: true,
  })
  for (const rule of ['on', 'nopass', 'allcommands', 'allkeys', 'allchannels']) user.apply(rule)
  user.update()
  return user
}
