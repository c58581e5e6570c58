// Compiles the kernel and writes it as a module with the bytes in base64, so that a page needs no second file.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import asc from 'assemblyscript/asc'

mkdirSync('build', { recursive: true })
const { error, stderr } = await asc.main([
  'kernel/kernel.ts', '--outFile', 'build/kernel.wasm', '--enable', 'simd', '--runtime', 'stub',
  '--importMemory', '--noAssert', '--optimizeLevel', '3', '--shrinkLevel', '0', '--converge',
])
if (error) {
  console.error(stderr.toString())
  process.exit(1)
}
const bytes = readFileSync('build/kernel.wasm')
writeFileSync('build/kernel.ts', `export const KERNEL = '${bytes.toString('base64')}'\n`)
console.log(`kernel: ${bytes.length} bytes`)
