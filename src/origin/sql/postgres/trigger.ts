// The SQL of triggers by which PostgreSQL notifies a channel of changes to a table.

import { createHash } from 'node:crypto'
import { TEXT_SETTINGS } from './session.ts'

export interface TriggerOptions {
  /** With its schema, if it needs one: `shop.users`; a name with a dot in it in quotes: `shop."a.b"`. */
  readonly table: string
  /** The column whose value is part of the key. */
  readonly column: string
  readonly channel: string
  /** The key, with a placeholder for the column: `user:{id}`. */
  readonly key: string
}

/** The dollar quote around the function's body. */
const QUOTE = '$erinys$'

const PLACE = /\{[^{}]*\}/
const NAME_PART = /(?:"((?:[^"]|"")+)"|([^.]+))(?:\.|$)/y

/** Maximum length of a name in bytes (PostgreSQL: NAMEDATALEN); a longer channel would make every write fail. */
const LONGEST_NAME = 63

/** A payload must be shorter (bytes; PostgreSQL: NOTIFY); a longer one would make the write fail. */
const PAYLOAD_END = 8000

/** Types with lower OIDs are PostgreSQL's own (FirstNormalObjectId). */
const FIRST_USER_OID = 16384

/**
 * Settings of the function, whatever its caller's are: those that the text of values depends on, and where names are
 * looked up.
 */
const SETTINGS = [...TEXT_SETTINGS, ['quote_all_identifiers', 'off'] as const]
  .map(([name, value]) => `  set ${name} = '${value}'`)
  .concat('  set search_path = pg_catalog, pg_temp')
  .join('\n')

/**
 * Names are quoted, never folded to lower case. A table may have triggers for several channels; running the SQL
 * again replaces those of its channel. They are for replicated changes as well, which ordinary triggers are not
 * (PostgreSQL: `session_replication_role`).
 * @throws Error that says which option is wrong
 */
export function triggerSql({ table, column, channel, key }: TriggerOptions): string {
  const [before, after, ...rest] = key.split(PLACE)
  if (after === undefined || rest.length > 0)
    refuse('key', key, "one place for the column, as in 'user:{id}'")
  const path = readTable(table)
  if (column === '') refuse('column', column, 'the name of a column')
  if (channel === '' || Buffer.byteLength(channel) > LONGEST_NAME)
    refuse('channel', channel, `a name of 1 to ${LONGEST_NAME} bytes`)
  for (const [option, text] of Object.entries({ column, channel, key }))
    if (text.includes(QUOTE)) refuse(option, text, `a text without ${QUOTE}`)

  const target = path.map(quoted).join('.')
  const called = [...path.slice(0, -1), shortened(`erinys_${path.at(-1)}_to_${channel}`)]
  const name = called.map(quoted).join('.')
  const [changed, truncated] = ['changed', 'truncated'].map((what) =>
    quoted(shortened(`erinys_${what}_to_${channel}`)),
  )
  const place = quoted(column)
  const keyOf = (text: string): string =>
    [...(before === '' ? [] : [literal(before)]), text, ...(after === '' ? [] : [literal(after)])].join(
      ' || ',
    )
  return `-- Notifies the channel ${oneLine(channel)} of every change to ${oneLine(table)}, once its transaction is committed.
begin;
set local client_min_messages = warning;

create or replace function ${name}() returns trigger language plpgsql
${SETTINGS}
as ${QUOTE}
declare
  everything constant text := '{"all": true}';
  kind regtype;
  base regtype;
  old_text text;
  new_text text;
  changed_text text;
  payload text;
begin
  if tg_op = 'TRUNCATE' then
    perform pg_notify(${literal(channel)}, everything);
    return null;
  end if;
  if tg_op = 'DELETE' then
    kind := pg_typeof(old.${place});
  else
    kind := pg_typeof(new.${place});
  end if;
  while kind::oid >= ${FIRST_USER_OID} loop
    select typbasetype into base from pg_type where oid = kind and typtype = 'd';
    exit when not found;
    kind := base;
  end loop;
  if tg_op <> 'INSERT' then
${textOf('old', place)}
  end if;
  if tg_op <> 'DELETE' then
${textOf('new', place)}
  end if;
  foreach changed_text in array array[old_text, nullif(new_text, old_text)] loop
    continue when changed_text is null;
    payload := json_build_object('key', ${keyOf('changed_text')})::text;
    perform pg_notify(${literal(channel)}, case when octet_length(payload) < ${PAYLOAD_END} then payload else everything end);
  end loop;
  return null;
end
${QUOTE};

drop trigger if exists ${changed} on ${target};
create trigger ${changed} after insert or update or delete on ${target}
  for each row execute function ${name}();
alter table ${target} enable always trigger ${changed};

drop trigger if exists ${truncated} on ${target};
create trigger ${truncated} after truncate on ${target}
  for each statement execute function ${name}();
alter table ${target} enable always trigger ${truncated};

commit;
`
}

/**
 * Sets the variable `${row}_text` to the text of the column in that row, as the node writes keys: the output of its type,
 * which a cast is not everywhere, as it adds `/32` to an inet and may call a function of the user. Of boolean and char(n)
 * it is the cast: `true`, and without the spaces at the end. Keys are UTF-8: other bytes are not a key.
 */
function textOf(row: 'old' | 'new', place: string): string {
  return `    if kind = 'bytea'::regtype then
      begin
        ${row}_text := convert_from(${row}.${place}, 'UTF8');
      exception when character_not_in_repertoire or untranslatable_character then
        ${row}_text := null;
      end;
    elsif kind in ('boolean'::regtype, 'bpchar'::regtype) or ${row}.${place} is null then
      ${row}_text := ${row}.${place}::text;
    else
      ${row}_text := format('%s', ${row}.${place});
    end if;`
}

/** The names of a table and its schema, if it has one. */
function readTable(table: string): readonly string[] {
  const parts: string[] = []
  NAME_PART.lastIndex = 0
  for (let end = 0; end < table.length; end = NAME_PART.lastIndex) {
    const found = NAME_PART.exec(table)
    if (found === null) break
    parts.push(found[1]?.replaceAll('""', '"') ?? found[2])
  }
  const isWhole = parts.length > 0 && NAME_PART.lastIndex === table.length && !table.endsWith('.')
  if (!isWhole || parts.length > 2 || table.includes(QUOTE))
    refuse('table', table, "a table, such as 'users' or 'shop.users'")
  return parts
}

function refuse(option: string, got: string, wants: string): never {
  throw new Error(`--${option}: got ${JSON.stringify(got)}, wants ${wants}`)
}

/** The name, shortened with a hash if PostgreSQL would truncate it. */
function shortened(name: string): string {
  if (Buffer.byteLength(name) <= LONGEST_NAME) return name
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 8)
  let kept = name
  while (Buffer.byteLength(kept) + 1 + hash.length > LONGEST_NAME) kept = [...kept].slice(0, -1).join('')
  return `${kept}_${hash}`
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A string literal, whatever `standard_conforming_strings` is. */
function literal(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`
  return text.includes('\\') ? `E${quoted.replaceAll('\\', '\\\\')}` : quoted
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ')
}
