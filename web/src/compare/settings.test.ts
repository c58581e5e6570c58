import { expect, test } from 'vitest'
import { settingsOf } from './settings'

test('settings are in words, without what makes no run another', () => {
  const config = {
    task_name: 'one',
    data: { kind: 'digits', subset: null },
    objective: { beta: { kind: 'linear', start: 2, end: 1, epochs: 20 }, free: true },
    model: { hidden: [64, 32], layers: [{ kind: 'conv', width: 8, stride: null }], posterior: { scale: { kind: 'constant', value: 0.5 } } },
    training: { epochs: 3, threads: 1, changes: [{ step: 1310, beta: 4.2, learning_rate: null }, { step: 1400, beta: null, learning_rate: 0.01 }, { step: 1500, beta: 1, learning_rate: null }], optimizer: { learning_rate: 0.002 }, loggers: [] },
  }
  expect(settingsOf(config)).toEqual({
    'data.kind': 'digits',
    'data.subset': 'none',
    'objective.beta': '2 to 1 in 20 epochs (changed 2 times)',
    'objective.free': 'yes',
    'model.hidden': '64, 32',
    'model.layers': 'conv width 8',
    'model.posterior.scale': '0.5',
    'training.epochs': '3',
    'training.optimizer.learning_rate': '0.002 (changed 1 time)',
  })
})
