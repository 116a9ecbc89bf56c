import { Fragment, type ReactNode, useEffect } from 'react'
import { Link, useLocation } from 'wouter'
import { Badge } from '../elements/badge.tsx'
import { TopBar } from './top-bar.tsx'

interface Props {
  readonly title: string
  /** From the outside in, without the page itself. */
  readonly crumbs?: readonly (readonly [name: string, path: string])[]
  readonly subtitle?: ReactNode
  readonly preview?: boolean
  /** Upper right. */
  readonly action?: ReactNode
  readonly children: ReactNode
}

/** A page: where it is, its title, its one main action, its content. */
export function Page({ title, crumbs = [], subtitle, preview = false, action, children }: Props) {
  const [path] = useLocation()
  // biome-ignore lint/correctness/useExhaustiveDependencies: another path is another page, and the keyboard begins at its top
  useEffect(() => {
    document.getElementById('main')?.focus({ preventScroll: true })
    scrollTo(0, 0)
  }, [path])
  return (
    <>
      <title>{`${[title, ...crumbs.map(([name]) => name).reverse()].join(' · ')} · Aura keys`}</title>
      <TopBar>
        <nav aria-label="Breadcrumb" className="crumbs">
          {crumbs.map(([name, to]) => (
            <Fragment key={to}>
              <Link href={to}>{name}</Link>
              <span aria-hidden="true">/</span>
            </Fragment>
          ))}
          <span aria-current="page">{title}</span>
        </nav>
      </TopBar>
      <main id="main" tabIndex={-1}>
        <div className="page-head">
          <div>
            <h1 id="page-title" tabIndex={-1}>
              {title} {preview && <Badge tone="accent">Preview</Badge>}
            </h1>
            {subtitle && <p className="subtitle">{subtitle}</p>}
          </div>
          {action && <div className="page-action">{action}</div>}
        </div>
        {children}
      </main>
    </>
  )
}
