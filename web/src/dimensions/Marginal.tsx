import { effect } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { readInk } from '../latent/ink'
import * as store from '../state/store'
import { theme } from '../state/theme'
import { marginals } from './marginals'

const BINS = 56
const HEIGHT = 22
const SCALE = 2

/** How the codes of all images lie along a dimension, filled, and the prior N(0, 1) as a line. */
export function Marginal({ k, reach }: { k: number; reach: number }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  useLayoutEffect(
    () =>
      effect(() => {
        const shown = store.calm.value
        void theme.value
        const d = store.manifest.value?.latent ?? 0
        const context = canvas.current!.getContext('2d')!
        context.clearRect(0, 0, BINS * SCALE, HEIGHT)
        if (!shown || k >= d) return
        const { posterior, prior } = marginals(shown.loc, shown.scale, d, k, reach, BINS)
        const top = 1.15 * Math.max(...posterior)
        const place = (value: number) => HEIGHT * (1 - value / top)
        const ink = readInk()
        context.fillStyle = ink.accent
        context.globalAlpha = 0.3
        context.beginPath()
        context.moveTo(0, HEIGHT)
        posterior.forEach((value, bin) => context.lineTo((bin + 0.5) * SCALE, place(value)))
        context.lineTo(BINS * SCALE, HEIGHT)
        context.fill()
        context.globalAlpha = 1
        context.strokeStyle = ink.muted
        context.beginPath()
        prior.forEach((value, bin) => context.lineTo((bin + 0.5) * SCALE, place(value)))
        context.stroke()
      }),
    [k, reach],
  )
  return <canvas ref={canvas} width={BINS * SCALE} height={HEIGHT} aria-hidden="true" />
}
