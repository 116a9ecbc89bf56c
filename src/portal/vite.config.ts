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

export default defineConfig({
  root: import.meta.dirname,
  base: '/portal/',
  plugins: [react(), mantineVariables],
  build: {
    outDir: '../../dist/portal',
    emptyOutDir: true,
    // A file inside a data: URL would be refused by the Content-Security-Policy.
    assetsInlineLimit: 0,
    // The preload polyfill is an inline script in some builds, and browsers of today need none.
    modulePreload: { polyfill: false },
    target: 'es2023',
    chunkSizeWarningLimit: 700,
  },
})
