import { Fragment, type ReactNode } from 'react'

export const Facts = ({ facts, boxed = false }: { facts: readonly (readonly [string, ReactNode])[]; boxed?: boolean }) => (
  <dl className={boxed ? 'facts facts-boxed' : 'facts'}>
    {facts.map(([name, value]) => (
      <Fragment key={name}>
        <dt>{name}</dt>
        <dd>{value}</dd>
      </Fragment>
    ))}
  </dl>
)
