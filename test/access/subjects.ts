import type { Actor } from '../../src/access/actor.ts'
import { createAppInstance } from '../../src/instances/create-app-instance.ts'
import { deleteAppInstance } from '../../src/instances/delete-app-instance.ts'
import { setInstanceAccess } from '../../src/instances/set-instance-access.ts'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import { revokeApiKeys } from '../../src/keys/revoke-api-keys.ts'
import { addMember } from '../../src/members/add-member.ts'
import { removeMember } from '../../src/members/remove-member.ts'
import type { Company, Person } from '../support/company.ts'
import type { TestServer } from '../support/server.ts'

/** What a cell is about. */
export interface Subject {
  readonly id: string
  /** Who is given a role, where that is not the table's usual member. */
  readonly memberId?: string
}

export type Subjects = (name: string, person: Person | null) => Promise<Subject>

/** Makes what the table's cases speak of, anew for each call, so that no cell sees what another changed. */
export async function createSubjects(server: TestServer, company: Company): Promise<Subjects> {
  const { ports } = server.app
  const { ownA, devA, dev2A, ownB, auraB, devB } = company.members
  let made = 0
  for (const [name, appId] of Object.entries({ a: company.appId, b: company.otherAppId })) {
    await server.sql(
      "INSERT INTO app (id, organization_id, slug, name, created_at) SELECT 'app_01h455vb4pex5vsknk084sn02' || $1, organization_id, 'only-' || $1, 'Only', created_at FROM app WHERE id = $2 RETURNING 1",
      name,
      appId,
    )
  }
  const grant = (instanceId: string, { memberId }: Actor, role: 'OWNER' | 'USER' | null) => setInstanceAccess(ports, ownA, { instanceId, memberId, role })
  const instance = async (): Promise<string> => {
    const { instanceId } = await createAppInstance(ports, ownA, { appId: company.appId, name: 'case' })
    await grant(instanceId, devA, 'OWNER')
    await grant(instanceId, dev2A, 'USER')
    return instanceId
  }
  // Several keys share an instance, which saves most of the time; few, so that its lists stay short.
  let keysAtHome = 0
  let newestHome: Promise<string>
  const home = (): Promise<string> => {
    if (keysAtHome++ % 5 === 0) newestHome = instance()
    return newestHome
  }
  const remove = (id: string) => deleteAppInstance(ports, ownA, { id, acknowledged: true })
  const revoke = (id: string) => revokeApiKeys(ports, ownA, { ids: [id], acknowledged: true })
  const expire = async (id: string): Promise<string> => {
    await server.sql('UPDATE api_key SET expired_at = created_at WHERE id = $1 RETURNING 1', id)
    return id
  }
  const newcomer = async (owner: Actor): Promise<Actor> => {
    const { memberId } = await addMember(ports, owner, { subject: `newcomer-${made++}`, name: 'newcomer', role: 'AURA_OWNER' })
    return { ...owner, memberId }
  }
  const leave = (owner: Actor, { memberId: id }: Actor) => removeMember(ports, owner, { id, acknowledged: true })
  const key = (actor: Actor, instanceId: string) => createApiKey(ports, actor, { instanceId, name: 'key', expiresInDays: 30 })
  const keyOf = async (actor: Actor, instanceId: string): Promise<string> => (await key(actor, instanceId)).keyId
  const secretOf = async (actor: Actor, instanceId: string): Promise<string> => {
    const saveAsSecret = { name: `secret_${made++}` }
    return (await createApiKey(ports, actor, { instanceId, name: 'key', expiresInDays: 30, saveAsSecret })).secretId ?? ''
  }
  const orphanOfRemoved = async (owner: Actor, instanceId: string): Promise<string> => {
    const creator = await newcomer(owner)
    const id = await keyOf(creator, instanceId)
    await leave(owner, creator)
    return id
  }
  /** Somebody else than any of the table's persons. */
  const another = await newcomer(ownA)
  const actorOf = (person: Person | null): Actor => {
    if (person === null) throw new Error('nobody has nothing of their own')
    return company.members[person]
  }
  const instanceOfB = async (): Promise<string> => (await createAppInstance(ports, ownB, { appId: company.otherAppId, name: 'case' })).instanceId
  /** What the person makes while they may, before their access is taken away. */
  const beforeLoss = async <Made>(person: Person | null, make: (actor: Actor, instanceId: string) => Promise<Made>): Promise<Made> => {
    const instanceId = await instance()
    await grant(instanceId, actorOf(person), 'USER')
    const answer = await make(actorOf(person), instanceId)
    await grant(instanceId, actorOf(person), null)
    return answer
  }
  const firstEvent = async ({ organizationId }: Actor): Promise<string> =>
    (await server.sql<{ id: string }>('SELECT id FROM event WHERE organization_id = $1 AND version = 1', organizationId))[0]?.id ?? ''

  const cases: Record<string, (person: Person | null) => Promise<string | Subject | undefined | null>> = {
    oneself: async () => '',
    'own organization': async () => '',
    'by slug': async () => 'only-a',
    organization: async () => ownA.organizationId,
    member: async () => devA.memberId,
    app: async () => company.appId,
    'live instance': async () => {
      const id = await instance()
      await keyOf(another, id)
      return id
    },
    'deleted instance': async () => {
      const id = await instance()
      await keyOf(another, id)
      await remove(id)
      return id
    },
    'live instance, a member of b': async () => ({ id: await instance(), memberId: devB.memberId }),
    'orphans of a live instance': async () => {
      const id = await instance()
      await orphanOfRemoved(ownA, id)
      return id
    },
    somebody: async () => (await newcomer(ownA)).memberId,
    'removed member': async () => {
      const gone = await newcomer(ownA)
      await leave(ownA, gone)
      return gone.memberId
    },
    'last owner': async () => ownA.memberId,
    event: async () => firstEvent(ownA),

    'own key': async (person) => keyOf(actorOf(person), await home()),
    'own expired key': async (person) => expire(await keyOf(actorOf(person), await home())),
    "another's key": async () => keyOf(another, await home()),
    'expired key': async () => expire(await keyOf(another, await home())),
    'revoked key': async () => {
      const id = await keyOf(another, await home())
      await revoke(id)
      return id
    },
    'orphan of a removed creator': async () => orphanOfRemoved(ownA, await home()),
    'orphan of a deleted instance': async () => {
      const instanceId = await instance()
      const id = await keyOf(another, instanceId)
      await remove(instanceId)
      return id
    },
    'own key, access lost since': async (person) => beforeLoss(person, keyOf),

    'own secret': async (person) => secretOf(actorOf(person), await home()),
    "another's secret": async () => secretOf(another, await home()),
    'own secret, access lost since': async (person) => beforeLoss(person, secretOf),

    'own new key': async (person) => (await key(actorOf(person), await home())).saveToken,
    'own revoked key': async (person) => {
      const { keyId, saveToken } = await key(actorOf(person), await home())
      await revoke(keyId)
      return saveToken
    },
    'own orphaned key': async (person) => {
      const instanceId = await instance()
      const { saveToken } = await key(actorOf(person), instanceId)
      await remove(instanceId)
      return saveToken
    },
    "another's new key": async () => (await key(another, await home())).saveToken,
    'own new key, access lost since': async (person) => (await beforeLoss(person, key)).saveToken,

    'organization b': async () => ownB.organizationId,
    'slug of b': async () => 'only-b',
    'app of b': async () => {
      await keyOf(auraB, await instanceOfB())
      return company.otherAppId
    },
    'instance of b': async () => {
      const id = await instanceOfB()
      await keyOf(auraB, id)
      return { id, memberId: devB.memberId }
    },
    'member of b': async () => (await newcomer(ownB)).memberId,
    'event of b': async () => firstEvent(ownB),
    'key of b': async () => keyOf(auraB, await instanceOfB()),
    'orphan of b': async () => orphanOfRemoved(ownB, await instanceOfB()),
    'secret of b': async () => secretOf(auraB, await instanceOfB()),
    'new key of b': async () => (await key(auraB, await instanceOfB())).saveToken,
  }
  return async (name, person) => {
    const make = cases[name]
    if (!make) throw new Error(`the table speaks of "${name}", which nobody makes`)
    const subject = await make(person)
    if (subject === null || subject === undefined) throw new Error(`"${name}" could not be made`)
    return typeof subject === 'string' ? { id: subject } : subject
  }
}

/** Keeps what is only looked at, or refused: nobody changes it, so one is enough for all who ask. */
export function keepSubjects(subjects: Subjects): Subjects {
  const kept = new Map<string, Promise<Subject>>()
  return (name, person) => {
    const key = name.startsWith('own ') ? `${name} of ${person}` : name
    const subject = kept.get(key) ?? subjects(name, person)
    kept.set(key, subject)
    return subject
  }
}
