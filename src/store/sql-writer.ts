import { Prisma } from './client.ts'

/** Writes a statement from its beginning to its end: its parts need not be put together from parts of parts. */
export class SqlWriter {
  readonly #strings: string[] = []
  readonly #values: unknown[] = []
  #last = ''

  /** Text of our own. What callers send is a value. */
  text(text: string): this {
    this.#last += text
    return this
  }

  /** A parameter. */
  value(value: unknown): this {
    this.#strings.push(this.#last)
    this.#values.push(value)
    this.#last = ''
    return this
  }

  sql({ strings, values }: Prisma.Sql): this {
    for (const [index, text] of strings.entries()) {
      if (index > 0) this.value(values[index - 1])
      this.text(text)
    }
    return this
  }

  /** Each item by `write`, with text between them. */
  each<Item>(items: Iterable<Item>, between: string, write: (item: Item) => void): this {
    let isFirst = true
    for (const item of items) {
      if (!isFirst) this.text(between)
      isFirst = false
      write(item)
    }
    return this
  }

  end(): Prisma.Sql {
    return new Prisma.Sql([...this.#strings, this.#last], this.#values)
  }
}
