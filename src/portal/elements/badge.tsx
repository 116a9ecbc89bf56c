import type { ReactNode } from 'react'

export type Tone = 'green' | 'amber' | 'red' | 'grey' | 'accent'

/** Always with words: colour alone says nothing to many people. */
export const Badge = ({ tone, children }: { tone: Tone; children: ReactNode }) => <span className={`badge badge-${tone}`}>{children}</span>
