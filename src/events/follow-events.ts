import type { Actor } from '../access/actor.ts'
import type { Scope } from '../access/scope.ts'
import { resync } from '../errors.ts'
import type { Ports } from '../ports.ts'

/** How many events one statement reads: what a slow reader costs, however far behind it is. */
const batch = 100

const day = 24 * 60 * 60 * 1000

type Needs = Pick<Ports, 'members' | 'organizations' | 'events' | 'hub' | 'clock' | 'eventRetentionDays'>

/**
 * Follows the organization's events in their order: with `after`, first what came since that version. Every event is read from the table, so
 * that nothing is missed and nothing comes twice where the past meets the present. RESYNC when the past is no longer complete, or when
 * `after` lies in the future. `read` brings the rows of one stretch with its own selection; `check` throws once the actor may no longer follow.
 */
export async function followEvents<Row extends { version: bigint }>(
  ports: Needs,
  actor: Actor,
  input: {
    after: bigint | null
    check: (scope: Scope) => Promise<void>
    read: (scope: Scope, after: bigint, upTo: bigint, take: number) => Promise<Row[]>
    signal: AbortSignal
  },
): Promise<AsyncGenerator<Row, void, undefined>> {
  await input.check(await ports.members.scopeNow(actor))
  const version = await ports.organizations.version(actor.organizationId)
  const start = input.after ?? version
  if (start > version) throw resync()
  if (start < version) {
    const next = await ports.events.occurredAt(actor.organizationId, start + 1n)
    const floor = ports.clock.now().getTime() - ports.eventRetentionDays * day
    if (!next || next.getTime() < floor) throw resync()
  }
  return follow(ports, actor, input, start)
}

async function* follow<Row extends { version: bigint }>(
  ports: Needs,
  actor: Actor,
  { check, read, signal }: Parameters<typeof followEvents<Row>>[2],
  start: bigint,
): AsyncGenerator<Row, void, undefined> {
  let position = start
  for await (const _ of ports.hub.ticks(actor.organizationId, signal)) {
    const version = await ports.organizations.version(actor.organizationId)
    while (position < version) {
      if (ports.clock.now() >= actor.expiresAt) return
      const scope = await ports.members.scopeNow(actor)
      await check(scope)
      const rows = await read(scope, position, version, batch)
      yield* rows
      position = rows.length < batch ? version : (rows.at(-1)?.version ?? version)
    }
  }
}
