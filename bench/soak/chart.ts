// Figures over time as one SVG, written by hand: panels below one another on the same axis of seconds, what was done to the
// gateway as marks across all of them. Readable on light and on dark ground.
import type { Point } from './judgement.ts';

export interface Line {
  name: string;
  points: readonly Point[];
  /** 0 to 5: lines of one tone belong together */
  tone: number;
}

export interface Panel {
  title: string;
  lines: Line[];
  /** a value that must not be passed, drawn as a broken line */
  limit?: { value: number; name: string };
}

export interface Mark {
  atSeconds: number;
  name: string;
  tone: number;
}

const WIDTH = 960;
const LEFT = 64;
const RIGHT = 16;
const PANEL = 120;
const GAP = 44;
const TOP = 78;

const STYLE = `
  svg { font: 12px system-ui, sans-serif; }
  .ground { fill: #fff; } text { fill: #333; } .title { font-weight: 600; } .faint { fill: #777; }
  .grid { stroke: #ddd; } .limit { stroke: #b00020; stroke-dasharray: 6 4; }
  path { fill: none; stroke-width: 1.3; stroke-linejoin: round; }
  .t0 { stroke: #1f6fb4; } .t1 { stroke: #b4531f; } .t2 { stroke: #2a8a3e; } .t3 { stroke: #8a3ea8; } .t4 { stroke: #8a7a10; } .t5 { stroke: #777; }
  line.mark { stroke-opacity: 0.45; }
  @media (prefers-color-scheme: dark) {
    
    .ground { fill: #14171a; } text { fill: #d8dce0; } .faint { fill: #98a0a8; } .grid { stroke: #30363c; } .limit { stroke: #ff7b8a; }
    .t0 { stroke: #6db3f2; } .t1 { stroke: #f29a6d; } .t2 { stroke: #6fd487; } .t3 { stroke: #cf8fe6; } .t4 { stroke: #d8c65a; } .t5 { stroke: #98a0a8; }
  }`;

export function chart(title: string, seconds: number, panels: readonly Panel[], marks: readonly Mark[]): string {
  const height = TOP + panels.length * (PANEL + GAP);
  const x = (t: number) => LEFT + (t / Math.max(1, seconds)) * (WIDTH - LEFT - RIGHT);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(title)}">`,
    `<style>${STYLE}\n</style>`,
    `<rect class="ground" width="${WIDTH}" height="${height}"/>`,
    `<text class="title" x="${LEFT}" y="22">${escaped(title)}</text>`,
    legend(
      marks.map(({ name, tone }) => ({ name, tone })),
      44,
    ),
  ];
  for (const [at, panel] of panels.entries()) parts.push(...draw(panel, TOP + at * (PANEL + GAP), seconds, x));
  const bottom = height - GAP;
  for (const { atSeconds, name, tone } of marks) {
    const at = x(atSeconds).toFixed(1);
    const label = `<title>${escaped(name)} at ${atSeconds.toFixed(1)} s</title>`;
    parts.push(`<line class="mark t${tone}" x1="${at}" x2="${at}" y1="${TOP}" y2="${bottom}">${label}</line>`);
  }
  parts.push('</svg>');
  return `${parts.join('\n')}\n`;
}

function draw({ title, lines, limit }: Panel, top: number, seconds: number, x: (t: number) => number): string[] {
  let highest = limit?.value ?? 0;
  for (const { points } of lines) for (const [, v] of points) highest = Math.max(highest, v);
  const most = roundUp(highest);
  const y = (v: number) => top + PANEL - (v / most) * PANEL;
  const parts = [`<text class="title" x="${LEFT}" y="${top - 6}">${escaped(title)}</text>`];
  for (const share of [0, 0.5, 1]) {
    const at = y(most * share).toFixed(1);
    parts.push(`<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}" y2="${at}"/>`);
    parts.push(
      `<text class="faint" x="${LEFT - 6}" y="${Number(at) + 4}" text-anchor="end">${short(most * share)}</text>`,
    );
  }
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    const t = seconds * share;
    const anchor = share === 0 ? 'start' : share === 1 ? 'end' : 'middle';
    const text = `${short(Math.round(t))} s`;
    parts.push(
      `<text class="faint" x="${x(t).toFixed(1)}" y="${top + PANEL + 14}" text-anchor="${anchor}">${text}</text>`,
    );
  }
  if (limit !== undefined) {
    const at = y(limit.value).toFixed(1);
    parts.push(`<line class="limit" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}" y2="${at}"/>`);
    parts.push(
      `<text class="faint" x="${WIDTH - RIGHT}" y="${Number(at) - 4}" text-anchor="end">${escaped(limit.name)}</text>`,
    );
  }
  for (const { name, points, tone } of lines) {
    if (points.length === 0) continue;
    const path = points.map(([t, v], i) => `${i === 0 ? 'M' : 'L'}${x(t).toFixed(1)} ${y(v).toFixed(1)}`).join('');
    parts.push(`<path class="t${tone}" d="${path}"><title>${escaped(name)}</title></path>`);
  }
  parts.push(legend(lines, top - 6, 300));
  return parts;
}

/** Each name once. */
function legend(entries: readonly { name: string; tone: number }[], y: number, from = LEFT): string {
  const parts: string[] = [];
  let at = from;
  const names = new Map(entries.map(({ name, tone }) => [name.replace(/ \d+$/, ''), tone]));
  if (names.size === 1 && from !== LEFT) return '';
  for (const [name, tone] of names) {
    parts.push(`<line class="t${tone}" stroke-width="3" x1="${at}" x2="${at + 16}" y1="${y - 4}" y2="${y - 4}"/>`);
    parts.push(`<text x="${at + 22}" y="${y}">${escaped(name)}</text>`);
    at += 42 + name.length * 7;
  }
  return parts.join('\n');
}

/** The next of 1, 2, 5 times a power of ten. */
export function roundUp(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  for (const step of [1, 1.5, 2, 3, 5, 10]) if (step * power >= value) return step * power;
  return 10 * power;
}

function short(value: number): string {
  return Number.isInteger(value) ? value.toLocaleString('en') : value.toPrecision(2);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
