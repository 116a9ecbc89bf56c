import { AsyncLocalStorage } from 'node:async_hooks'
import type { App } from '../../src/compose.ts'

const background = new AsyncLocalStorage<boolean>()

/** Whether what runs now was asked for by one of the jobs of a node, and by no request. */
export const isBackground = (): boolean => background.getStore() ?? false

const marked = <Parameters extends unknown[], Answer>(run: (...parameters: Parameters) => Answer) => {
  return (...parameters: Parameters): Answer => background.run(true, () => run(...parameters))
}

/** Has the jobs of an app, those that `schedule` of jobs.ts lists, known as the ones that ask. */
export function markJobs(app: App): App {
  const { sweep, tidy, checkSessions, lastUses, nodes, ports } = app
  Object.assign(nodes, { beat: marked(nodes.beat) })
  Object.assign(lastUses, { flush: marked(lastUses.flush) })
  // Nobody else asks for the versions of all that are followed than the poll.
  Object.assign(ports.organizations, { versions: marked(ports.organizations.versions) })
  return Object.assign(app, { sweep: marked(sweep), tidy: marked(tidy), checkSessions: marked(checkSessions) })
}
