import type { Actor } from '../../src/access/actor.ts'
import { createApp } from '../../src/apps/create-app.ts'
import { createAppInstance } from '../../src/instances/create-app-instance.ts'
import { setInstanceAccess } from '../../src/instances/set-instance-access.ts'
import { createApiKey } from '../../src/keys/create-api-key.ts'
import { addMember } from '../../src/members/add-member.ts'
import { bootstrapOrganization } from '../../src/organizations/bootstrap-organization.ts'
import type { TestServer } from './server.ts'

export interface TestKey {
  readonly id: string
  readonly plaintext: string
}

/** Two organizations, `a` and `b`. In `a`: ownA, auraA, devA (OWNER of I1), dev2A (USER of I1), viewA (nothing); in `b`: ownB, auraB, devB (OWNER of J1). */
export interface Company {
  readonly members: Readonly<Record<Person, Actor>>
  readonly appId: string
  readonly otherAppId: string
  /** Instances of `a`. */
  readonly I1: string
  readonly I2: string
  /** An instance of `b`. */
  readonly J1: string
  createKey(by: Person, instanceId: string, name?: string, days?: number): Promise<TestKey>
}

export const people = ['ownA', 'auraA', 'devA', 'dev2A', 'viewA', 'ownB', 'auraB', 'devB'] as const
export type Person = (typeof people)[number]

/** Who sends an operation. */
export const as = (person: Person): { subject: string; organization: string } => ({ subject: person, organization: person.endsWith('A') ? 'a' : 'b' })

export async function createCompany({ app, time }: TestServer): Promise<Company> {
  const { ports } = app
  const members: Partial<Record<Person, Actor>> = {}
  const actor = (person: Person, organizationId: string, memberId: string, role: Actor['role']): Actor => {
    const made = { subject: person, organizationId, memberId, role, organizationVersion: 0n, expiresAt: new Date(time.now.getTime() + 10 * 365 * 86_400_000) }
    members[person] = made
    return made
  }
  const found = async (slug: 'a' | 'b', person: Person): Promise<Actor> => {
    const ids = await bootstrapOrganization(ports, {
      slug,
      name: `Organization ${slug}`,
      owner: { subject: person, name: person, email: `${person}@test.example` },
    })
    return actor(person, ids.organizationId, ids.memberId, 'OWNER')
  }
  const add = async (owner: Actor, person: Person, role: Actor['role']): Promise<Actor> => {
    const { memberId } = await addMember(ports, owner, { subject: person, name: person, email: `${person}@test.example`, role })
    return actor(person, owner.organizationId, memberId, role)
  }
  const ownA = await found('a', 'ownA')
  const ownB = await found('b', 'ownB')
  await add(ownA, 'auraA', 'AURA_OWNER')
  const devA = await add(ownA, 'devA', 'MEMBER')
  const dev2A = await add(ownA, 'dev2A', 'MEMBER')
  await add(ownA, 'viewA', 'MEMBER')
  await add(ownB, 'auraB', 'AURA_OWNER')
  const devB = await add(ownB, 'devB', 'MEMBER')
  const { appId } = await createApp(ports, ownA, { slug: 'functions', name: 'Functions' })
  const { appId: otherAppId } = await createApp(ports, ownB, { slug: 'functions', name: 'Functions' })
  const { instanceId: I1 } = await createAppInstance(ports, ownA, { appId, name: 'I1' })
  const { instanceId: I2 } = await createAppInstance(ports, ownA, { appId, name: 'I2' })
  const { instanceId: J1 } = await createAppInstance(ports, ownB, { appId: otherAppId, name: 'J1' })
  await setInstanceAccess(ports, ownA, { instanceId: I1, memberId: devA.memberId, role: 'OWNER' })
  await setInstanceAccess(ports, ownA, { instanceId: I1, memberId: dev2A.memberId, role: 'USER' })
  await setInstanceAccess(ports, ownB, { instanceId: J1, memberId: devB.memberId, role: 'OWNER' })
  return {
    members: members as Record<Person, Actor>,
    appId,
    otherAppId,
    I1,
    I2,
    J1,
    createKey: async (by, instanceId, name = 'key', days = 30) => {
      const { keyId, plaintext } = await createApiKey(ports, members[by] as Actor, { instanceId, name, expiresInDays: days })
      if (!plaintext) throw new Error('no plaintext')
      return { id: keyId, plaintext: plaintext.expose() }
    },
  }
}
