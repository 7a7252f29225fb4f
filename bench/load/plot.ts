// The plot of a run: for every scenario a bar per contender, CPU time per request on the left and the p99 that it adds over
// direct on the right, each the median with a whisker from the lowest to the highest round. One SVG without any script; its
// colours follow the reader's light or dark.
import { type Spread, spreadOf } from './figures.ts';
import { DIRECT } from './latency.ts';
import type { Measured } from './measure.ts';
import { added, costs } from './report.ts';

export interface Bar {
  label: string;
  spread: Spread;
}

const WIDTH = 1040;
const PANEL = 500;
const LABEL = 150;
const VALUE = 100;
const BAR = 16;
const STEP = 24;
const TOP = 56;
const HEAD = 52;

const STYLE = `
    svg { font: 12px system-ui, sans-serif; }
    .ground { fill: #ffffff; } .text { fill: #1f2328; } .quiet { fill: #59636e; } .title { font-weight: 600; font-size: 14px; }
    .bar { fill: #8c959f; } .ours { fill: #0969da; } .whisker { stroke: #1f2328; stroke-width: 1.5; } .axis { stroke: #8c959f; }
    @media (prefers-color-scheme: dark) {
      .ground { fill: #0d1117; } .text { fill: #e6edf3; } .quiet { fill: #9198a1; }
      .bar { fill: #656c76; } .ours { fill: #4493f8; } .whisker { stroke: #e6edf3; } .axis { stroke: #656c76; }
    }
  `;

/** @param caption one line below the title: date and machine */
export function plot(results: readonly Measured[], caption: string): string {
  const parts: string[] = [];
  let y = TOP + 16;
  for (const measured of results) {
    const cpu = measured.rows.map((row) => ({ label: row.contender, spread: spreadOf(costs(row)) }));
    const latency = measured.latency;
    const more =
      latency?.rows
        .filter(({ contender }) => contender !== DIRECT)
        .map(({ contender }) => ({ label: contender, spread: added(latency, contender, 'p99Us') ?? spreadOf([]) })) ??
      [];
    parts.push(text(16, y, `${measured.scenario.name}: ${measured.scenario.sentence}`, 'text title'));
    parts.push(panel(16, y + 20, 'CPU µs per request', cpu, 1));
    if (more.length > 0) {
      parts.push(panel(16 + PANEL + 16, y + 20, `ms added to p99 at ${latency?.rate} requests/s`, more, 2));
    }
    y += HEAD + Math.max(cpu.length, more.length) * STEP + 12;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" height="${y}" role="img" aria-label="Load bench">
  <style>${STYLE}</style>
  <rect class="ground" width="${WIDTH}" height="${y}"/>
  ${text(16, 28, 'Load bench: median, whiskers from the lowest to the highest round; shorter is better', 'text title')}
  ${text(16, 46, caption, 'quiet')}
  ${parts.join('\n  ')}
</svg>
`;
}

function panel(x: number, y: number, title: string, bars: readonly Bar[], digits: number): string {
  const longest = Math.max(...bars.map(({ spread }) => (spread.count > 0 ? spread.high : 0)));
  const scale = longest > 0 ? (PANEL - LABEL - VALUE) / longest : 0;
  const left = x + LABEL;
  const bottom = y + 8 + bars.length * STEP;
  const parts = [text(left, y, title, 'quiet'), line(left, y + 8, left, bottom, 'axis')];
  bars.forEach(({ label, spread }, index) => {
    const middle = y + 8 + index * STEP + STEP / 2;
    parts.push(text(left - 8, middle + 4, label, 'text', 'end'));
    if (spread.count === 0) {
      parts.push(text(left + 8, middle + 4, 'failed', 'quiet'));
      return;
    }
    // what is below direct is noise: no bar, the figure says it
    const at = (value: number) => left + Math.max(0, value) * scale;
    const kind = label.startsWith('weir') ? 'bar ours' : 'bar';
    parts.push(
      `<rect class="${kind}" x="${left}" y="${middle - BAR / 2}" width="${(at(spread.median) - left).toFixed(1)}" height="${BAR}"/>`,
      line(at(spread.low), middle, at(spread.high), middle, 'whisker'),
      line(at(spread.low), middle - 4, at(spread.low), middle + 4, 'whisker'),
      line(at(spread.high), middle - 4, at(spread.high), middle + 4, 'whisker'),
      text(at(Math.max(spread.high, spread.median)) + 8, middle + 4, spread.median.toFixed(digits), 'text'),
    );
  });
  return parts.join('\n  ');
}

function text(x: number, y: number, words: string, kind: string, anchor = 'start'): string {
  return `<text class="${kind}" x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${escaped(words)}</text>`;
}

function line(x1: number, y1: number, x2: number, y2: number, kind: string): string {
  return `<line class="${kind}" x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}"/>`;
}

function escaped(words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
