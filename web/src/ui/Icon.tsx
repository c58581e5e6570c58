const SHAPES = {
  play: 'M4 2.5v11l9-5.5z',
  pause: 'M4 3h3v10H4zM9 3h3v10H9z',
  step: 'M3 2.5v11l7-5.5zM11 3h2v10h-2z',
  epoch: 'M2 3v10l5-5zM7 3v10l5-5zM12.5 3h2v10h-2z',
  stop: 'M3.5 3.5h9v9h-9z',
  reset: 'M8 2.5a5.5 5.5 0 1 1-5.3 4h1.9A3.7 3.7 0 1 0 8 4.3v2L4.6 3.4 8 .5z',
  plus: 'M7 3h2v4h4v2H9v4H7V9H3V7h4z',
  minus: 'M3 7h10v2H3z',
  close: 'M3.9 2.5 8 6.6l4.1-4.1 1.4 1.4L9.4 8l4.1 4.1-1.4 1.4L8 9.4l-4.1 4.1-1.4-1.4L6.6 8 2.5 3.9z',
  back: 'M10.5 2.5 5 8l5.5 5.5V2.5z',
  on: 'M5.5 2.5 11 8l-5.5 5.5V2.5z',
  die: 'M3.5 2h9A1.5 1.5 0 0 1 14 3.5v9a1.5 1.5 0 0 1-1.5 1.5h-9A1.5 1.5 0 0 1 2 12.5v-9A1.5 1.5 0 0 1 3.5 2zM5 4a1 1 0 1 0 0 2 1 1 0 0 0 0-2zm6 6a1 1 0 1 0 0 2 1 1 0 0 0 0-2zM8 7a1 1 0 1 0 0 2 1 1 0 0 0 0-2z',
  table: 'M1.5 2.5h13v11h-13zM3 6v1.5h2.5V6zM7 6v1.5h6V6zM3 9v3h2.5V9zM7 9v3h6V9z',
  bin: 'M6 1.5h4l.6 1.3h3.4v1.5H2V2.8h3.4zM3.2 5.5h9.6L12 14.5H4zM6 7v6h1V7zm3 0v6h1V7z',
  pen: 'M11.6 1.5 14.5 4.4 5.4 13.5 1.8 14.2 2.5 10.6zM10.4 4.2 12 5.8l.8-.8-1.7-1.7z',
  save: 'M7 1.5h2v6h2.8L8 11.5 4.2 7.5H7zM2 12.5h12v2H2z',
  screen: 'M1.5 2.5h13v9h-13zM3 4v6h10V4zM5 13h6v1.5H5z',
  contrast: 'M8 1.5a6.5 6.5 0 1 0 0 13zM8 1.5a6.5 6.5 0 1 1 0 13v-1.4A5.1 5.1 0 0 0 8 2.9z',
} as const

export type IconName = keyof typeof SHAPES

/** A small picture on a button, whose words are the button's label. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
      <path d={SHAPES[name]} fill-rule="evenodd" />
    </svg>
  )
}
