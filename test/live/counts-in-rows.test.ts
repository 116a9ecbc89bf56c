import { expect, test } from 'vitest'
import { as } from '../support/company.ts'
import { companyOfFile } from '../support/file-server.ts'
import { transports } from '../support/subscribe.ts'

const { server, company } = await companyOfFile()

interface Page {
  keyCountsOf: { app: { keyCounts: object } | null; instance: { keyCounts: object } | null; counts: object }[]
}

/** One that is shared, and one that is executed for each viewer, since it selects what depends on them. */
const selections = { shared: '', 'executed for each': 'viewerRole' }

for (const [transport, subscribe] of Object.entries(transports)) {
  for (const [how, more] of Object.entries(selections)) {
    test(`over ${transport} the counts in a row are those of its message, whoever watches (${how})`, async () => {
      const query = `subscription ($appIds: [ID!], $instanceIds: [ID!]) { keyCountsOf(appIds: $appIds, instanceIds: $instanceIds) {
        app { keyCounts { active version } } instance { ${more} keyCounts { active version } } counts { active version } } }`
      const subjects = { appIds: [company.appId], instanceIds: [company.I1] }
      const streams = await Promise.all(
        (['ownA', 'auraA', 'devA', 'dev2A'] as const).map(async (person) => {
          const { subject, organization } = as(person)
          return subscribe<Page>(server, query, subjects, `Bearer ${await server.token(subject, organization)}`)
        }),
      )
      for (let made = 0; made < 3; made++) {
        for (const stream of streams) {
          const rows = (await stream.next())?.data?.keyCountsOf ?? []
          expect(rows).toHaveLength(2)
          for (const { app, instance, counts } of rows) expect((app ?? instance)?.keyCounts).toEqual(counts)
        }
        await company.createKey('ownA', company.I1)
      }
      await Promise.all(streams.map((stream) => stream.end()))
    })
  }
}
