import type { HttpFigures } from '../http/clients.ts'
import { aim, ratio, type Spread, spread, table, whole } from '../report.ts'
import type { Kind } from './works.ts'

/** What was measured, by work and by who was asked. */
export type Measured = ReadonlyMap<string, ReadonlyMap<Kind, readonly HttpFigures[]>>
type Figures = readonly HttpFigures[] | undefined

const of = (figures: Figures, name: 'perSecond' | 'server' | 'postgres' | 'p50' | 'p99'): Spread => spread((figures ?? []).map((each) => each[name]))
/** Round by round, against what was measured beside it. */
const against = (figures: Figures, to: Figures): Spread =>
  spread((figures ?? []).map(({ perSecond }, round) => perSecond / (to?.[round]?.perSecond ?? Number.NaN)))

/** The faster one of the peers that answer with GraphQL. */
const fasterPeer = (by: ReadonlyMap<Kind, Figures>): Figures =>
  [by.get('Mercurius'), by.get('PostGraphile')].filter((each) => each !== undefined).sort((a, b) => of(b, 'perSecond').median - of(a, 'perSecond').median)[0]

/** A table of what was measured on so many keys. */
export function pageOf(keys: number, works: Measured): string {
  const rows = [...works].flatMap(([work, by]) => {
    const [bare, peer] = [by.get('bare node:http'), fasterPeer(by)]
    return [...by].map(([kind, figures]) => [
      work,
      kind,
      whole(of(figures, 'perSecond')),
      bare ? ratio(against(figures, bare)) : '',
      peer ? ratio(against(figures, peer)) : '',
      whole(of(figures, 'server')),
      whole(of(figures, 'postgres')),
      `${of(figures, 'p50').median.toFixed(1)}, ${of(figures, 'p99').median.toFixed(1)}`,
    ])
  })
  const head = ['work', 'server', 'requests/s', '× bare', '× faster peer', 'CPU µs of the server', 'of PostgreSQL', 'p50, p99 ms']
  return `### ${keys.toLocaleString('en')} keys\n\n${table(head, rows)}`
}

/** The aims, and whether they are met. */
export function aimsOf(found: ReadonlyMap<number, Measured>): string {
  const [fewest = 0, ...more] = [...found.keys()].sort((a, b) => a - b)
  const lines = [...found].flatMap(([keys, works]) =>
    [...works].flatMap(([work, by]) => {
      const [kept, fresh, bare, peer] = [by.get('aura-keys'), by.get('aura-keys, nothing kept'), by.get('bare node:http'), fasterPeer(by)]
      const where = `${keys.toLocaleString('en')} keys, ${work}`
      return [
        ...(bare ? [aim(`${where}: kept, × bare`, 0.5, against(kept, bare))] : []),
        ...(bare && peer ? [aim(`${where}: not kept, × the faster peer`, 0.8, against(fresh, peer))] : []),
      ]
    }),
  )
  const few = found.get(fewest)
  const slower = more.flatMap((keys) =>
    [...(found.get(keys) ?? [])].flatMap(([work, by]) =>
      (['aura-keys', 'aura-keys, nothing kept'] as const).map((kind) =>
        aim(
          `${work}, ${kind}: requests/s on ${keys.toLocaleString('en')} keys, × of ${fewest.toLocaleString('en')}`,
          0.83,
          against(by.get(kind), few?.get(work)?.get(kind)),
        ),
      ),
    ),
  )
  return `### Aims\n\n${[...lines, ...slower].join('\n')}`
}
