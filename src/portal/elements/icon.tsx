import type { ComponentType } from 'react'

export interface IconProps {
  readonly size?: number
  /** Width of its lines, of 24 in all. */
  readonly stroke?: number
}

/** An icon of lines in the colour of the text around it, which says what it means. `virtual:icon/<name>` makes one of each of Tabler's. */
export const createIcon =
  (paths: readonly string[]): ComponentType<IconProps> =>
  ({ size = 24, stroke = 2 }) => (
    <svg
      aria-hidden="true"
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth={stroke}
      strokeLinecap="round"
      strokeLinejoin="round"
    >
      {paths.map((path) => (
        <path key={path} d={path} />
      ))}
    </svg>
  )
