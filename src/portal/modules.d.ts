declare module 'virtual:mantine-variables.css'
declare module '@fontsource-variable/inter/wght.css'
declare module '@fontsource-variable/jetbrains-mono/wght.css'
declare module 'virtual:icon/*' {
  export const Icon: import('react').ComponentType<import('./elements/icon.tsx').IconProps>
}
