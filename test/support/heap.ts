import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** The bytes of the heap that are in use, once what nobody needs is gone. */
export async function settledHeap(): Promise<number> {
  for (let times = 0; times < 3; times++) {
    collect()
    // What waits for the end of a request goes then.
    await new Promise((resolve) => setImmediate(resolve))
  }
  return process.memoryUsage().heapUsed
}
