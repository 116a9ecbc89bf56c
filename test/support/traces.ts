import type { Visitor } from './browser.ts'

/** Everything that scripts of the page can read of what it keeps, by place. It is searched here: a search in the page would itself bring the text there. */
const kept = `(async () => {
  const places = []
  for (const name of ['localStorage', 'sessionStorage']) places.push([name, JSON.stringify(Object.entries(window[name]))])
  for (const { name } of await indexedDB.databases()) {
    const database = await new Promise((resolve, reject) => {
      const request = indexedDB.open(name)
      request.onsuccess = () => resolve(request.result)
      request.onerror = () => reject(request.error)
    })
    for (const store of database.objectStoreNames) {
      for (const read of ['getAll', 'getAllKeys']) {
        places.push(['IndexedDB', await new Promise((resolve, reject) => {
          const request = database.transaction(store).objectStore(store)[read]()
          request.onsuccess = () => resolve(JSON.stringify(request.result))
          request.onerror = () => reject(request.error)
        })])
      }
    }
    database.close()
  }
  for (const name of await caches.keys()) {
    const cache = await caches.open(name)
    for (const request of await cache.keys()) places.push(['caches', request.url + ' ' + await (await cache.match(request)).text()])
  }
  places.push(['history.state', JSON.stringify(history.state)], ['window.name', window.name], ['cookies', document.cookie])
  places.push(['the document', document.documentElement.outerHTML], ['the title', document.title], ['the selection', String(getSelection())])
  for (const field of document.querySelectorAll('input, textarea, select')) places.push(['a field', field.value])
  return places
})()`

/** Every string of the page's scripts that a collection of garbage leaves. */
export async function heapOf({ context, page }: Visitor): Promise<string> {
  const session = await context.newCDPSession(page)
  const chunks: string[] = []
  session.on('HeapProfiler.addHeapSnapshotChunk', ({ chunk }) => void chunks.push(chunk))
  await session.send('HeapProfiler.enable')
  await session.send('HeapProfiler.collectGarbage')
  await session.send('HeapProfiler.takeHeapSnapshot', { reportProgress: false })
  await session.detach()
  return chunks.join('')
}

/** Where the page still has each of these texts: in what it keeps, shows, wrote, asked or remembers. */
export async function tracesOf(visitor: Visitor, ...texts: readonly string[]): Promise<string[][]> {
  const { context, page } = visitor
  const session = await context.newCDPSession(page)
  const { entries } = await session.send('Page.getNavigationHistory')
  await session.detach()
  const places: [string, string][] = [
    ...(await page.evaluate<[string, string][]>(kept)),
    ['the history', JSON.stringify(entries)],
    ['the console', visitor.console.join('\n')],
    ['what was sent', visitor.sent.join('\n')],
    ['the heap', await heapOf(visitor)],
  ]
  return texts.map((text) => [...new Set(places.filter(([, value]) => value.includes(text)).map(([place]) => place))])
}
