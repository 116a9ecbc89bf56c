import { createTheme } from '@mantine/core'

/** The one accent, from its palest tint to its darkest shade. */
const accent = ['#f1f0fd', '#e2e0fa', '#c6c2f5', '#aca8f6', '#8b84ea', '#6b61e0', '#5549d0', '#463bb8', '#3a3199', '#2c2574'] as const

// Mantine's own red is too pale under white text.
const danger = ['#fdecee', '#fbd5d9', '#f5a9b1', '#ef8a95', '#e06270', '#cc3645', '#b42332', '#9a1b29', '#7f1521', '#64101a'] as const

/** What Mantine's components look like; sizes and colours of our own elements stand in the CSS files. */
export const theme = createTheme({
  fontFamily: "'Inter Variable', system-ui, sans-serif",
  fontFamilyMonospace: "'JetBrains Mono Variable', ui-monospace, monospace",
  colors: { accent, danger },
  primaryColor: 'accent',
  primaryShade: { light: 6, dark: 5 },
  defaultRadius: 7,
  cursorType: 'pointer',
  focusRing: 'auto',
})
