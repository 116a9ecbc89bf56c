// Loaded into a server by NODE_OPTIONS: answers at PROBE_PORT how long the event loop was held at most since the last question, and what memory
// is in use after a collection.
import { createServer } from 'node:http'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const resolution = 5
const delay = monitorEventLoopDelay({ resolution })
delay.enable()
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc')

createServer((request, response) => {
  if (request.url === '/memory') {
    collect()
    const { heapUsed, external, rss } = process.memoryUsage()
    response.end(JSON.stringify({ usedMb: (heapUsed + external) / 1e6, residentMb: rss / 1e6 }))
    return
  }
  response.end(JSON.stringify({ holdMs: Math.max(0, delay.max / 1e6 - resolution) }))
  delay.reset()
})
  .listen(Number(process.env.PROBE_PORT), '127.0.0.1')
  .unref()
