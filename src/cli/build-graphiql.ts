import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { css, editorWorkerService, graphqlWorker, js, jsonWorker } from '@graphql-yoga/render-graphiql/graphiql'
import { graphiqlFolder } from '../server/graphiql.ts'

const firstQuery = `# Explore the API as the person who is signed in to the portal: open /portal/ first.
# Press Ctrl-Space for what fits, and Ctrl-Enter to run.

{
  viewer {
    member {
      name
      role
    }
  }
}
`

const start = `
const workers = { editorWorkerService: 'editor.js', json: 'json.js', graphql: 'graphql.js' }
self.MonacoEnvironment = { globalAPI: false, getWorkerUrl: (_, label) => '/graphiql/' + workers[label] }
YogaGraphiQL.renderYogaGraphiQL(document.querySelector('#root'), {
  title: 'aura-keys',
  defaultQuery: ${JSON.stringify(firstQuery)},
  subscriptionsProtocol: 'WS',
  credentials: 'same-origin',
})
`

const page = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>aura-keys · GraphiQL</title>
    <link rel="icon" href="/portal/icon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="/graphiql/graphiql.css">
    <script defer src="/graphiql/graphiql.js"></script>
    <script defer src="/graphiql/start.js"></script>
  </head>
  <body id="body" class="no-focus-outline"><div id="root"></div></body>
</html>
`

const files = {
  'index.html': page,
  'start.js': start,
  'graphiql.js': js,
  'graphiql.css': css,
  'editor.js': editorWorkerService,
  'json.js': jsonWorker,
  'graphql.js': graphqlWorker,
}

// GraphiQL by its files: as one page with everything inside it, as the package offers it, it would need scripts and workers that no policy can name.
mkdirSync(graphiqlFolder, { recursive: true })
for (const [name, text] of Object.entries(files)) {
  writeFileSync(join(graphiqlFolder, name), text)
  writeFileSync(join(graphiqlFolder, `${name}.gz`), gzipSync(text))
}
