import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { convertCssVariables, DEFAULT_THEME, defaultCssVariablesResolver, mergeMantineTheme } from '@mantine/core'
import react from '@vitejs/plugin-react'
import { defineConfig, type Plugin } from 'vite'
import { theme } from './look/theme.ts'

const id = 'virtual:mantine-variables.css'

/** Mantine's variables as a file: at run time Mantine would insert a `<style>`, which the Content-Security-Policy refuses. */
const mantineVariables: Plugin = {
  name: 'mantine-variables',
  resolveId: (source) => (source === id ? `\0${id}` : undefined),
  load(source) {
    if (source !== `\0${id}`) return undefined
    return convertCssVariables(defaultCssVariablesResolver(mergeMantineTheme(DEFAULT_THEME, theme)), ':root')
  },
}

const iconPrefix = 'virtual:icon/'

/** Icons of Tabler by name, as components. All of them are one file here: as a package of components they are twenty thousand, of which we need thirty. */
function icons(): Plugin {
  const { icons: known } = JSON.parse(readFileSync(createRequire(import.meta.url).resolve('@iconify-json/tabler/icons.json'), 'utf8')) as {
    icons: Record<string, { body: string }>
  }
  return {
    name: 'icons',
    resolveId: (source) => (source.startsWith(iconPrefix) ? `\0${source}` : undefined),
    load(source) {
      if (!source.startsWith(`\0${iconPrefix}`)) return undefined
      const body = known[source.slice(iconPrefix.length + 1)]?.body ?? ''
      const paths = [...body.matchAll(/ d="([^"]+)"/g)].map(([, path]) => path)
      if (paths.length === 0 || /<(?!\/?(path|g)\b)/.test(body)) throw new Error(`${source.slice(1)} is no icon that is made of paths`)
      return `import { createIcon } from '/elements/icon.tsx'\nexport const Icon = createIcon(${JSON.stringify(paths)})`
    },
  }
}

/** Compressed beside the files, once and as well as it goes: the server only sends them. Fonts are compressed already. */
const precompressed: Plugin = {
  name: 'precompressed',
  writeBundle({ dir = '' }) {
    for (const name of readdirSync(dir, { recursive: true, encoding: 'utf8' })) {
      if (!/\.(js|css|html|svg)$/.test(name)) continue
      const bytes = readFileSync(join(dir, name))
      writeFileSync(join(dir, `${name}.br`), brotliCompressSync(bytes))
      writeFileSync(join(dir, `${name}.gz`), gzipSync(bytes, { level: 9 }))
    }
  },
}

export default defineConfig({
  root: import.meta.dirname,
  base: '/portal/',
  plugins: [react(), mantineVariables, icons(), precompressed],
  build: {
    outDir: '../../dist/portal',
    emptyOutDir: true,
    // A file inside a data: URL would be refused by the Content-Security-Policy.
    assetsInlineLimit: 0,
    // The preload polyfill is an inline script in some builds, and browsers of today need none.
    modulePreload: { polyfill: false },
    target: 'es2023',
    chunkSizeWarningLimit: 700,
    // It would tell of each build that compressing takes the time that it takes.
    rolldownOptions: { checks: { pluginTimings: false } },
  },
})
