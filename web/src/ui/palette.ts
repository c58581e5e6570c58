/**
 * A colour for each of ten classes: any two differ by at least 10 in CIEDE2000 as everybody sees them, with deuteranopia,
 * protanopia and tritanopia too, and all have a contrast of 3 with the ground; palette.test.ts computes both.
 */
export const LIGHT = ['#2776c7', '#e16c0e', '#1e7c46', '#c12e27', '#632792', '#159fa7', '#4f2e02', '#bc4b81', '#90955c', '#262d44']
export const DARK = ['#386fb7', '#c75805', '#7fbe61', '#eb6986', '#ac77ee', '#74dac4', '#9a7a53', '#eb8acd', '#e3e582', '#d3ddf8']
/** Of all points where there are more classes than colours: their names tell them apart. */
const NEUTRAL = { light: '#6d7480', dark: '#9aa2af' }

/** The colour of class k of so many. */
export function classColour(k: number, classes: number, dark: boolean): string {
  if (classes > LIGHT.length) return dark ? NEUTRAL.dark : NEUTRAL.light
  return (dark ? DARK : LIGHT)[k]!
}
