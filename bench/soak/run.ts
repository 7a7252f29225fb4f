// `npm run soak`: a gateway under load for long, with reloads and kills in it, or (`--full-load`) as hard as wrk can.
// Prints what it found, writes JSON, Markdown and a chart to bench/reports/. See bench/README.md.
import { loadavg } from 'node:os';
import { exitCodeOf, machine, preamble, writeReport } from '../load/stage.ts';
import { fullLoad } from './full-load.ts';
import { type Options, readOptions, USAGE } from './options.ts';
import { fullLoadChart, fullLoadMarkdown, soakChart, soakMarkdown } from './report.ts';
import { soak } from './soak.ts';
import { Stage } from './stage.ts';

interface Paper {
  markdown: string;
  chart: string;
  figures: object;
  broken: string[];
}

async function paper(stage: Stage, options: Options, title: string): Promise<Paper> {
  if (options.fullLoad) {
    const result = await fullLoad(stage, options, console.log);
    const { samples, ...figures } = result;
    const kept = { ...figures, lifetimes: samples.lifetimes, rssSumMb: samples.rssSumMb, gauges: samples.gauges };
    return {
      markdown: fullLoadMarkdown(result),
      chart: fullLoadChart(title, result),
      figures: kept,
      broken: result.broken,
    };
  }
  const result = await soak(stage, options, console.log);
  const { samples, deeds, ...figures } = result;
  const kept = {
    ...figures,
    done: deeds.done,
    kills: deeds.kills.map(({ clients, ...kill }) => ({
      ...kill,
      clients: clients.accepted.size,
      waiting: clients.unaccepted.size,
    })),
    lifetimes: samples.lifetimes,
    rssSumMb: samples.rssSumMb,
    gauges: samples.gauges,
  };
  return { markdown: soakMarkdown(result), chart: soakChart(title, result), figures: kept, broken: result.broken };
}

async function main(): Promise<number> {
  // where Debian has nginx; not on the PATH of every user
  process.env['PATH'] += ':/usr/sbin:/sbin';
  const options = readOptions(process.argv.slice(2));
  if (options.help) {
    console.log(USAGE);
    return 0;
  }
  const about = machine();
  const name = options.fullLoad ? 'full-load' : 'soak';
  const { minutes, workers, seed } = options;
  const title = `Weir, ${name}: ${workers} workers, ${minutes} minutes, seed ${seed}`;
  console.log(title);
  const stage = new Stage();
  let written: Paper;
  try {
    written = await paper(stage, options, title);
  } finally {
    await stage.clear();
  }
  about['load average after'] = (loadavg()[0] ?? 0).toFixed(2);
  if (stage.origin) about['origin'] = stage.origin.what;
  const text = `${preamble(title, about)}\n\n${written.markdown}\n`;
  console.log(`\n${text}`);
  const json = `${JSON.stringify({ machine: about, options, ...written.figures })}\n`;
  writeReport(name, about['date'] ?? '', { md: text, svg: written.chart, json });
  for (const sentence of written.broken) console.error(`BROKEN: ${sentence}`);
  return written.broken.length > 0 ? 1 : 0;
}

process.exitCode = await exitCodeOf('soak', USAGE, main);
