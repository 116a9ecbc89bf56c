import { readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'

export interface Spread {
  readonly median: number
  readonly least: number
  readonly most: number
}

const sorted = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b)
export const quantile = (values: readonly number[], q: number): number =>
  sorted(values)[Math.min(values.length - 1, Math.floor(q * values.length))] ?? Number.NaN
export const spread = (values: readonly number[]): Spread => ({ median: quantile(values, 0.5), least: Math.min(...values), most: Math.max(...values) })

const round = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toFixed(1))
export const show = ({ median, least, most }: Spread): string => `${round(median)} (${round(least)}–${round(most)})`
/** Whole numbers, for what there are many of. */
export const whole = ({ median, least, most }: Spread): string =>
  [median, least, most]
    .map((value) => Math.round(value).toLocaleString('en'))
    .join(' ')
    .replace(/ (.*) (.*)/, ' ($1–$2)')
export const ratio = ({ median, least, most }: Spread): string => `${median.toFixed(2)} (${least.toFixed(2)}–${most.toFixed(2)})`
/** A line about an aim: what there should be at least, and what there is. */
export const aim = (what: string, least: number, found: Spread): string =>
  `- ${what}: at least ${least}; it is ${ratio(found)}, ${found.median >= least ? 'met' : 'not met'}`

export const machine = (): string => `${cpus()[0]?.model.trim()}, ${cpus().length} cores, Node ${process.versions.node}, ${process.platform}`

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

/** A chart of lines over sizes, as SVG: each line its name and its values. */
export function chart(title: string, sizes: readonly number[], lines: Readonly<Record<string, readonly number[]>>): string {
  const [width, height, left, bottom, top] = [640, 360, 60, 50, 50]
  const most = Math.max(...Object.values(lines).flat()) * 1.1
  const x = (index: number): number => left + ((width - left - 20) * index) / Math.max(1, sizes.length - 1)
  const y = (value: number): number => height - bottom - ((height - bottom - top) * value) / most
  const colours = ['#888888', '#d9822b', '#2b6cd9']
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((part) => Math.round(most * part))
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<title>${title}</title>`,
    `<rect width="${width}" height="${height}" fill="white"/><text x="${left}" y="20" font-size="14">${title}</text>`,
    ...ticks.map(
      (value) => `<path d="M${left} ${y(value)}H${width - 20}" stroke="#dddddd"/><text x="${left - 6}" y="${y(value) + 4}" text-anchor="end">${value}</text>`,
    ),
    ...sizes.map((size, index) => `<text x="${x(index)}" y="${height - bottom + 18}" text-anchor="middle">${size.toLocaleString('en')}</text>`),
    `<text x="${(left + width) / 2}" y="${height - 12}" text-anchor="middle">sockets</text>`,
    ...Object.entries(lines).flatMap(([name, values], line) => [
      `<polyline fill="none" stroke="${colours[line]}" stroke-width="2" points="${values.map((value, index) => `${x(index)},${y(value)}`).join(' ')}"/>`,
      `<text x="${left + line * 200}" y="38" fill="${colours[line]}">${name}</text>`,
    ]),
    '</svg>',
    '',
  ].join('\n')
}

/** Puts a page into BENCHMARKS.md between the two marks of its name. */
export function publish(name: string, page: string): void {
  const file = 'BENCHMARKS.md'
  const text = readFileSync(file, 'utf8')
  const marks = new RegExp(`(<!-- ${name} -->\\n)[\\s\\S]*?(<!-- /${name} -->)`)
  if (!marks.test(text)) throw new Error(`${file} has no place for ${name}`)
  writeFileSync(
    file,
    text.replace(marks, (_, start: string, end: string) => `${start}\n${page}\n\n${end}`),
  )
}
