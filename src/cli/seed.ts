import type { Client } from '../store/client.ts'

/** What `seedLarge` makes. */
export interface Size {
  readonly keys: number
  readonly instances: number
  readonly organizations: number
}

/**
 * Fills a migrated, empty database through SQL: organizations `seed-1`, `seed-2` … with apps, instances, members, keys in all states, their
 * last uses and their events. Counters are kept by the database's own triggers; versions are those of the events. The keys have no plaintext.
 */
export async function seedLarge(client: Client, { keys, instances, organizations }: Size, progress: (text: string) => void = () => {}): Promise<void> {
  const run = async (what: string, sql: string): Promise<void> => {
    const started = performance.now()
    await client.$executeRawUnsafe(sql)
    progress(`${what}: ${Math.round(performance.now() - started)} ms`)
  }
  // TypeIDs of a fixed form: the prefix and 26 digits, so that a row's parents follow from its number.
  const id = (prefix: string, n: string): string => `'${prefix}_' || lpad((${n})::text, 26, '0')`
  const apps = organizations * 10
  const people = 50
  const organizationOf = (n: string): string => `((${n}) % ${organizations})`
  await run(
    'organizations',
    `INSERT INTO organization (id, slug, name) SELECT ${id('org', 'n')}, 'seed-' || n + 1, 'Seed ' || n + 1 FROM generate_series(0, ${organizations - 1}) n`,
  )
  await run(
    'members',
    `INSERT INTO member (id, organization_id, subject, name, email, role, joined_at)
     SELECT ${id('mem', 'n')}, ${id('org', organizationOf('n'))}, 'member-' || n / ${organizations}, 'Member ' || n / ${organizations}, 'member-' || n || '@seed.example',
       (CASE WHEN n < ${organizations} THEN 'OWNER' WHEN n < ${2 * organizations} THEN 'AURA_OWNER' ELSE 'MEMBER' END)::"OrganizationRole", now() - interval '1 year'
     FROM generate_series(0, ${people * organizations - 1}) n`,
  )
  await run(
    'apps',
    `INSERT INTO app (id, organization_id, slug, name, created_at) SELECT ${id('app', 'n')}, ${id('org', organizationOf('n'))}, 'app-' || n / ${organizations}, 'App ' || n / ${organizations}, now() - interval '1 year' FROM generate_series(0, ${apps - 1}) n`,
  )
  await run(
    'instances',
    `INSERT INTO app_instance (id, organization_id, app_id, name, status, created_by_id, created_at)
     SELECT ${id('ins', 'n')}, ${id('org', organizationOf('n'))}, ${id('app', `n % ${apps}`)}, 'instance-' || n, 'ACTIVE', ${id('mem', organizationOf('n'))}, now() - interval '1 year'
     FROM generate_series(0, ${instances - 1}) n`,
  )
  // A member has a role on about one instance in fifty.
  await run(
    'access',
    `INSERT INTO instance_access (instance_id, member_id, role)
     SELECT ${id('ins', 'n')}, ${id('mem', `${organizationOf('n')} + ${organizations} * (2 + (n / ${organizations}) % ${people - 2})`)}, (CASE WHEN n % 2 = 0 THEN 'OWNER' ELSE 'USER' END)::"InstanceRole"
     FROM generate_series(0, ${instances - 1}) n`,
  )
  const batch = 100_000
  for (let from = 0; from < keys; from += batch) {
    const to = Math.min(from + batch, keys) - 1
    await run(
      `keys up to ${to + 1}`,
      `INSERT INTO api_key (id, organization_id, app_id, instance_id, created_by_id, name, hint, created_at, expires_at, revoked_at, revoked_by_id, expired_at)
       SELECT ${id('key', 'n')}, ${id('org', organizationOf(`n % ${instances}`))}, ${id('app', `n % ${instances} % ${apps}`)}, ${id('ins', `n % ${instances}`)},
         ${id('mem', `${organizationOf(`n % ${instances}`)} + ${organizations} * (n % ${people})`)}, 'key-' || md5(n::text), 'aura_' || substr(md5(n::text), 1, 4) || '…' || substr(md5(n::text), 5, 4),
         now() - interval '360 days' + n * interval '300 days' / ${keys}, CASE WHEN n % 7 = 0 THEN now() - interval '1 day' ELSE now() + interval '1 day' * (n % 300 + 1) END,
         CASE WHEN n % 10 = 0 THEN now() - interval '30 days' END, CASE WHEN n % 10 = 0 THEN ${id('mem', organizationOf(`n % ${instances}`))} END,
         CASE WHEN n % 7 = 0 THEN now() - interval '1 day' END
       FROM generate_series(${from}, ${to}) n`,
    )
  }
  await run(
    'last uses',
    `UPDATE key_use u SET last_used_at = k.created_at + interval '10 days' FROM api_key k WHERE k.id = u.key_id AND right(k.id, 1) IN ('1', '3', '5')`,
  )
  await run(
    'events',
    `INSERT INTO event (id, organization_id, version, kind, occurred_at, actor_id, subject_name, api_key_id, instance_id, app_id)
     SELECT 'evt_' || right(k.id, 26), k.organization_id, row_number() OVER (PARTITION BY k.organization_id ORDER BY k.created_at, k.id), 'API_KEY_CREATED', k.created_at, k.created_by_id, k.name, k.id, k.instance_id, k.app_id
     FROM api_key k`,
  )
  await run('versions', 'UPDATE organization o SET version = (SELECT count(*) FROM event e WHERE e.organization_id = o.id)')
  await run('statistics', 'VACUUM ANALYZE')
}
