import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve, sep } from 'node:path'
import type { Action } from './nemesis.ts'

/** A text of a compiled file, which must be there exactly once, and what stands there instead. */
type Change = readonly [file: string, text: string, instead: string]

/** A weakening of the protocol of verification, made in a copy of the compiled server, which knows nothing of it. */
export interface Fault {
  readonly changes: readonly Change[]
  /** Changed in the database, too. */
  readonly sql?: string
  /** What brings it to light; unless given, whatever the nemesis can do. */
  readonly only?: readonly Action[]
  /** Of how many clients. */
  readonly clients?: number
}

const held: readonly Action[] = ['replies to verification held for 150 to 500 ms']
const moveMark = 'UPDATE organization SET denial_mark = gen_random_uuid() WHERE id = $1'

/** A counter in place of the random mark. It starts at one, and its end is that of a UUID. */
const counter = `
  CREATE FUNCTION next_mark(mark uuid) RETURNS uuid LANGUAGE sql AS $$
    SELECT lpad((right(mark::text, 12)::bigint + 1)::text, 32, '0')::uuid $$;
  UPDATE organization SET denial_mark = '00000000-0000-0000-0000-000000000001';
  DO $$ DECLARE function text; BEGIN
    FOR function IN SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname IN ('move_denial_mark', 'move_denial_mark_of_keys') LOOP
      EXECUTE replace(function, 'gen_random_uuid()', 'public.next_mark(denial_mark)');
    END LOOP;
  END $$`

export const faults = {
  'the mark read after the row': {
    only: held,
    changes: [
      [
        'verification/lookups.js',
        'const found = (await store.records(ids)).map((record) => ({',
        `const records = await store.records(ids);
        const later = new Map((await store.marks([...new Set(records.map((each) => each.organizationId))])).map((each) => [each.organizationId, each.mark]));
        const found = records.map((record) => ({`,
      ],
      ['verification/lookups.js', 'mark: own ?? record.mark', 'mark: later.get(record.organizationId) ?? record.mark'],
    ],
  },
  'the moment of a mark taken at the reply': {
    only: held,
    changes: [
      ['verification/lookups.js', 'const [sentAt, own] = [moment(), ownMark?.current];', ''],
      [
        'verification/lookups.js',
        'const found = (await store.records(ids)).map((record) => ({',
        `const records = await store.records(ids);
        const [sentAt, own] = [moment(), ownMark?.current];
        const found = records.map((record) => ({`,
      ],
      [
        'verification/lookups.js',
        'const sentAt = moment();\n        const rows = await store.marks(ids);',
        'const rows = await store.marks(ids);\n        const sentAt = moment();',
      ],
    ],
  },
  'the wait left out': { changes: [['nodes/propagate.js', 'for (let left = ms;', 'for (let left = 0;']], only: [] },
  'a request that joins a statement under way': {
    only: held,
    changes: [
      ['verification/lane.js', 'let isAsking = false;', 'let isAsking = false;\n    let underWay = new Map();'],
      ['verification/lane.js', 'const boarded = board();', 'const boarded = board();\n            underWay = boarded;'],
      [
        'verification/lane.js',
        'const rows = await ask([...boarded.keys()]);',
        'const rows = await ask([...boarded.keys()]);\n                underWay = new Map();',
      ],
      ['verification/lane.js', 'catch (error) {', 'catch (error) {\n                underWay = new Map();'],
      [
        'verification/lane.js',
        'const riders = queue.get(id) ?? new Set();',
        `const joined = underWay.get(id);
            if (joined) return void joined.add({ since: performance.now(), departures, leave: () => undefined, answer, refuse });
            const riders = queue.get(id) ?? new Set();`,
      ],
    ],
  },
  'the mark moved in another transaction': {
    only: ['replies to COMMIT swallowed, then connections cut'],
    changes: [
      [
        'change/change.js',
        'if (row)\n            changed(organizationId, row.version);',
        `if (denies) await transact(({ run }) => run({ text: '${moveMark}', values: [organizationId] }));
        if (row)
            changed(organizationId, row.version);`,
      ],
    ],
    sql: `
      DROP TRIGGER api_key_denial_mark ON api_key;
      DROP TRIGGER app_instance_denial_mark ON app_instance;
      DROP TRIGGER member_denial_mark ON member`,
  },
  'a repetition that is answered at once': {
    changes: [
      ['keys/revoke-api-keys.js', 'const results = await', 'let isNew = false;\n    const results = await'],
      ['keys/revoke-api-keys.js', 'write(keys.revoke(ids, now, actorId));', 'write(keys.revoke(ids, now, actorId));\n        isNew = true;'],
      ['keys/revoke-api-keys.js', 'await ports.propagate()', 'isNew ? await ports.propagate() : { nodes: 1, waitedMs: 0 }'],
    ],
    only: [],
    // Its answer must come within the moment of a mark: with many clients on few cores it does not.
    clients: 2,
  },
  'a counter in place of the random mark, across a restore': { changes: [], sql: counter },
} satisfies Record<string, Fault>

export type FaultName = keyof typeof faults
export const faultNames = Object.keys(faults) as FaultName[]

/** A copy of the compiled server with the fault in it. Throws when the server has changed so that the fault has no place. */
export function plant(changes: readonly Change[]): { readonly program: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'aura-keys-fault-'))
  const program = join(folder, 'dist')
  const template = resolve('dist', 'template')
  cpSync(resolve('dist'), program, { recursive: true, filter: (path) => path !== template && !path.startsWith(template + sep) && !path.endsWith('.map') })
  for (const beside of ['node_modules', 'package.json', 'prisma']) symlinkSync(resolve(beside), join(folder, beside))
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  for (const [file, text, instead] of changes) {
    const path = join(program, file)
    const parts = readFileSync(path, 'utf8').split(text)
    if (parts.length !== 2) {
      remove()
      throw new Error(`${file} has ${parts.length - 1} times: ${text}`)
    }
    writeFileSync(path, parts.join(instead))
  }
  return { program, remove }
}
