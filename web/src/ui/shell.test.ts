import { expect, test } from 'vitest'
import { quoted } from './shell'

test("words are quoted as Python's shlex.quote does", () => {
  const words = ['runs/demo-2', 'a@b%+=:,./_-', 'runs/my run', "it's", 'zürich', '$HOME', 'a\nb', '']
  expect(words.map(quoted)).toEqual(['runs/demo-2', 'a@b%+=:,./_-', "'runs/my run'", `'it'"'"'s'`, "'zürich'", "'$HOME'", "'a\nb'", "''"])
})
