import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import ts from 'typescript'
import { expect, test } from 'vitest'

const program = `
import { createVerifier, express, fastify, hono } from 'aura-keys/verify'
declare const console: { log(text: string): void }
const verifier = createVerifier({ url: 'http://127.0.0.1:9', timeoutMs: 100 })
console.log([express, fastify, hono].map((adapter) => typeof adapter(verifier, 'ins_x')).join())
const answer = await verifier.verify('aura_x', 'ins_x').catch(() => null)
console.log(answer === null ? 'unknown' : answer.valid ? answer.keyId : answer.code)
// @ts-expect-error: both are texts
verifier.verify('aura_x', 1).catch(() => null)
`

test('aura-keys/verify is a typed export of the package, and needs nothing else of it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'aura-keys-package-'))
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(resolve('.'), join(folder, 'node_modules', 'aura-keys'))
  const file = join(folder, 'program.mts')
  writeFileSync(file, program)
  const resolution = { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext }
  const compiled = ts.createProgram([file], { ...resolution, target: ts.ScriptTarget.ES2023, strict: true, types: [], skipLibCheck: true })
  const errors = ts.getPreEmitDiagnostics(compiled).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))
  expect(errors).toEqual([])
  compiled.emit()
  expect(execFileSync(process.execPath, [join(folder, 'program.mjs')], { encoding: 'utf8' })).toBe('function,function,function\nunknown\n')
  expect(readFileSync('dist/client/verify.js', 'utf8')).not.toMatch(/\bimport\b/)
  rmSync(folder, { recursive: true, force: true })
})
