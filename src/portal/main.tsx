import '@fontsource-variable/inter/wght.css'
import '@fontsource-variable/jetbrains-mono/wght.css'
import './look/mantine.ts'
import './look/base.css'
import './look/frame.css'
import './look/content.css'
import { MantineProvider } from '@mantine/core'
import { createRoot } from 'react-dom/client'
import { theme } from './look/theme.ts'
import { Portal } from './portal.tsx'

const root = document.getElementById('root')
if (!root) throw new Error('index.html has no #root')
createRoot(root).render(
  // Variables and global classes are files: inserted `<style>` elements are refused by the Content-Security-Policy.
  <MantineProvider theme={theme} defaultColorScheme="auto" withCssVariables={false} withGlobalClasses={false}>
    <Portal />
  </MantineProvider>,
)
