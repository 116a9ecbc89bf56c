import type { EventKind } from '../generated/prisma/enums.ts'
import { newId } from '../ids.ts'
import type { Statements } from '../store/client.ts'

/** One thing that happened, before it has its version. */
export interface NewEvent {
  kind: EventKind
  /** What it was about, as it is called now. */
  subjectName: string
  /** Null: the server itself. */
  actorId: string | null
  apiKeyId?: string
  instanceId?: string
  appId?: string
  memberId?: string
}

export const eventStore = (client: Statements) => ({
  /**
   * Gives the events the next versions of the organization, in their order, and moves its version on, in one statement.
   * The caller holds the organization's lock.
   */
  append: async (organizationId: string, occurredAt: Date, events: readonly NewEvent[]): Promise<bigint> => {
    const rows = events.map((event, index) => ({ ...event, id: newId('evt'), position: index + 1 }))
    const [answer] = await client.$queryRaw<{ version: bigint }[]>`
      WITH moved AS (
        UPDATE organization SET version = version + ${events.length} WHERE id = ${organizationId} RETURNING version
      ), written AS (
        INSERT INTO event (id, organization_id, version, kind, occurred_at, actor_id, subject_name, api_key_id, instance_id, app_id, member_id)
        SELECT e.id, ${organizationId}, moved.version - ${events.length} + e.position, e.kind::"EventKind", ${occurredAt}, e."actorId", e."subjectName",
          e."apiKeyId", e."instanceId", e."appId", e."memberId"
        FROM moved, jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS e(id text, position int, kind text, "actorId" text, "subjectName" text,
          "apiKeyId" text, "instanceId" text, "appId" text, "memberId" text)
      ) SELECT version FROM moved`
    if (!answer) throw new Error('the organization of a change is gone')
    return answer.version
  },
})

export type EventStore = ReturnType<typeof eventStore>
