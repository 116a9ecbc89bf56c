import { NodeFS } from '@electric-sql/pglite/nodefs'

type Operations = Record<string, (...values: unknown[]) => unknown>

/** The part of Emscripten's file system that writes to the machine's. */
interface Mounted {
  NODEFS: { node_ops: Operations; stream_ops: Operations }
}

const writing = { node_ops: ['setattr', 'mknod', 'rename', 'unlink', 'rmdir', 'symlink'], stream_ops: ['setattr', 'write'] } as const

/** The files of the embedded database; `check` is called before each operation that can alter them: a statement can stop in the middle for any time. */
export class CheckedFiles extends NodeFS {
  readonly #check: () => void

  constructor(folder: string, check: () => void) {
    super(folder)
    this.#check = check
  }

  override async init(...given: Parameters<NodeFS['init']>): ReturnType<NodeFS['init']> {
    const { emscriptenOpts } = await super.init(...given)
    const checked = (module: unknown): void => {
      const { NODEFS } = module as Mounted
      for (const kind of ['node_ops', 'stream_ops'] as const) {
        const operations = NODEFS[kind]
        for (const name of writing[kind]) {
          const operate = operations[name]
          operations[name] = (...values) => {
            this.#check()
            return operate?.(...values)
          }
        }
      }
    }
    return { emscriptenOpts: { ...emscriptenOpts, preRun: [...(emscriptenOpts.preRun ?? []), checked] } }
  }
}
