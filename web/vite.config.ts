import { defineConfig } from 'vitest/config'

export default defineConfig({
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: 'es2022',
    outDir: 'dist',
    modulePreload: false,
    cssCodeSplit: false,
    assetsInlineLimit: 1_000_000,
    rolldownOptions: { output: { codeSplitting: false } },
  },
  worker: { format: 'iife' },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
})
