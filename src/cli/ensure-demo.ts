import type { App } from '../compose.ts'
import { demoState, discardHalfDemo, setDemoState } from '../store/demo-state.ts'
import { demoSlugs, loadDemo } from './demo.ts'

/**
 * Loads the demo once into an empty database if it is `wanted`: of nodes that start together one loads it and the others wait, and a demo
 * that a killed node left half loaded is loaded again. Returns whether all of the demo is there.
 */
export async function ensureDemo(app: App, wanted: boolean): Promise<boolean> {
  const { client } = app.database
  if (!wanted || (await demoState(client)) === 'loaded') return (await demoState(client)) === 'loaded'
  const load = async (): Promise<boolean> => {
    const state = await demoState(client)
    if (state === 'loaded') return true
    if (state === 'loading') {
      console.log('The demo company was left half loaded by a start that was ended.')
      if (!(await discardHalfDemo(client, demoSlugs))) {
        console.log('It stays so, and nothing is deleted, since there are other organizations too.')
        return false
      }
    }
    if (await app.ports.organizations.anyExists()) return false
    await setDemoState(client, 'loading')
    console.log('Loading the demo company …')
    await loadDemo(app)
    await setDemoState(client, 'loaded')
    return true
  }
  return app.database.alone(load, () => console.log('Another server is loading the demo company: waiting for it …'))
}
