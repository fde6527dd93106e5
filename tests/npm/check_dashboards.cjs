// The dashboards of deploy/grafana: check_dashboards.cjs MODULES SOURCE. What is committed is what the generator writes; it
// fits the types of @grafana/schema (by tsc) and the rules below; it and the alerts ask for what coordinators serve; and
// each rule finds the fault that it is there for.
'use strict';
const { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } = require('node:fs');
const { spawnSync } = require('node:child_process');
const { tmpdir } = require('node:os');
const { join, resolve } = require('node:path');

const modules = resolve(process.argv[2]),
  source = resolve(process.argv[3]);
const scratch = mkdtempSync(join(tmpdir(), 'gofarm-dashboards-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
const run = (...argv) => spawnSync(process.execPath, argv, { encoding: 'utf8' });
const names = (folder) =>
  readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .sort();

const generated = join(scratch, 'generated'),
  committed = join(source, 'deploy/grafana/dashboards');
const made = run(join(source, 'deploy/grafana/generate.cjs'), modules, generated);
if (made.status !== 0) throw new Error(`the generator failed: ${made.stderr}`);
const faults = [];
if (names(generated).join() !== names(committed).join())
  faults.push(`other dashboards are committed: ${names(committed)}`);
for (const file of names(generated)) {
  if (readFileSync(join(generated, file), 'utf8') !== readFileSync(join(committed, file), 'utf8')) {
    faults.push(`${file} is not what generate.cjs writes; write it again and commit it`);
  }
}
const boards = names(committed).map((file) => [
  file.replace('.json', ''),
  JSON.parse(readFileSync(join(committed, file), 'utf8')),
]);

// Grafana's own types, enumerations as the values that stand in JSON. Annotations and panels ask Prometheus, whose query Grafana
// keeps in a package of its own.
const typescript = (all) => `
import type { AnnotationQuery, Dashboard, DataQuery, VizLegendOptions, VizTooltipOptions } from '@grafana/schema';
type Plain<T> = T extends string ? \`\${T}\` : T extends readonly (infer U)[] ? Plain<U>[] : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;
interface Query extends DataQuery { expr: string; legendFormat?: string; format?: 'table' | 'time_series'; instant?: boolean; range?: boolean; interval?: string }
interface Mark extends AnnotationQuery<Query> { titleFormat: string }
type Board = Plain<Omit<Dashboard, 'annotations'> & { annotations: { list: Mark[] } }>;
interface Lines { legend: VizLegendOptions; tooltip: VizTooltipOptions }
${all
  .map(
    ([name, board]) => `export const ${name}: Board = ${JSON.stringify(board, null, 1)};
export const queries_of_${name}: Plain<Query>[] = ${JSON.stringify(
      panelsOf(board).flatMap((panel) => panel.targets || []),
      null,
      1,
    )};
export const lines_of_${name}: Plain<Lines>[] = ${JSON.stringify(
      panelsOf(board)
        .filter((panel) => panel.type === 'timeseries')
        .map((panel) => panel.options),
    )};`,
  )
  .join('\n')}
`;

function panelsOf(board) {
  return (board.panels || []).flatMap((panel) => [panel, ...panelsOf(panel)]);
}

function typeFaults(all) {
  const folder = mkdtempSync(join(scratch, 'types-'));
  symlinkSync(join(modules, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'boards.ts'), typescript(all));
  const compiled = run(
    join(modules, 'node_modules/typescript/bin/tsc'),
    '--noEmit',
    '--strict',
    '--skipLibCheck',
    '--module',
    'nodenext',
    '--moduleResolution',
    'nodenext',
    '--target',
    'es2022',
    join(folder, 'boards.ts'),
  );
  return compiled.status === 0 ? [] : compiled.stdout.split('\n').filter((line) => line.includes('error'));
}

// What coordinators serve (tests/golden/metrics): name, and labels with their values; none where they are no closed set.
const served = new Map(
  readFileSync(join(source, 'tests/golden/metrics/coordinator.tsv'), 'utf8')
    .split('\n')
    .slice(1)
    .filter(Boolean)
    .map((line) => line.split('\t'))
    .map(([name, kind, , labels]) => [
      name,
      {
        kind,
        labels: new Map(
          labels
            .split(' ')
            .filter(Boolean)
            .map((label) => label.split('='))
            .map(([label, values]) => [label, values]),
        ),
      },
    ]),
);

// Series and labels of a query that nobody serves.
function seriesFaults(expr) {
  const out = [];
  for (const [, name, , matchers] of expr.matchAll(/\b((?:gofarm|process)_[a-z0-9_]+)(\{([^}]*)\})?/g)) {
    const histogram = served.get(name.replace(/_(bucket|sum|count)$/, ''));
    const series = histogram?.kind === 'histogram' && histogram !== served.get(name) ? histogram : served.get(name);
    if (!series) {
      out.push(`${name} is not served`);
      continue;
    }
    for (const [, label, operator, values] of (matchers || '').matchAll(/(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g)) {
      if (!series.labels.has(label)) out.push(`${name} has no label ${label}`);
      const known = (series.labels.get(label) || '').split('|');
      if (values.startsWith('$') || known.length < 2) continue;
      for (const value of operator.includes('~') ? values.split('|') : [values]) {
        if (!known.includes(value)) out.push(`${name}: ${label} is never ${value}`);
      }
    }
  }
  return out;
}

function ruleFaults(all) {
  const out = [],
    uids = new Set();
  let queries = 0,
    excused = 0;
  for (const [name, board] of all) {
    const say = (what, panel) => out.push(`${name}${panel ? `: ${panel.title}` : ''}: ${what}`);
    if (board.uid !== `gofarm-${name}`) say('its uid does not come from its name');
    if (uids.has(board.uid)) say('its uid is taken');
    uids.add(board.uid);
    if (!Array.isArray(board.panels) || board.elements) say('is not of the classic model');
    const variables = new Map(board.templating.list.map((variable) => [variable.name, variable]));
    if (variables.get('datasource')?.type !== 'datasource') say('has no variable for the datasource');
    for (const wanted of ['target', 'worker']) {
      if (variables.get(wanted)?.type !== 'query') say(`has no variable ${wanted}`);
    }
    if (board.annotations.list.length < 2) say('marks no restarts and toolset changes');
    const panels = panelsOf(board),
      ids = panels.map((panel) => panel.id),
      taken = new Map();
    if (new Set(ids).size !== ids.length || ids.some((id) => !Number.isInteger(id))) say('ids repeat, or are none');
    for (const panel of panels) {
      const { x, y, w, h } = panel.gridPos;
      if (!(x >= 0 && y >= 0 && w > 0 && h > 0 && x + w <= 24)) say('stands outside of the grid', panel);
      for (let row = y; row < y + h; ++row) {
        for (let column = x; column < x + w; ++column) {
          const cell = `${row}/${column}`;
          if (taken.has(cell) && taken.get(cell) !== panel.id) {
            say('overlaps another panel', panel);
            row = y + h;
            break;
          }
          taken.set(cell, panel.id);
        }
      }
      if (panel.type === 'row') continue;
      if (!panel.description) say('has no description', panel);
      if (!panel.fieldConfig?.defaults?.unit) say('has no unit', panel);
      if (!panel.title) say('has no title', panel);
      if (panel.datasource?.uid !== '${datasource}') say('names a datasource', panel);
      const links = panel.links || [];
      if (links.length !== 1 || !links[0].title.endsWith('?')) say('leads to no next question', panel);
      for (const link of links) {
        const to = /^\/d\/gofarm-(\w+)\?/.exec(link.url);
        if (!to || !all.some(([other]) => other === to[1])) say(`leads to ${link.url}, which is not there`, panel);
        if (to && to[1] === name) say('leads to its own dashboard', panel);
      }
      if ((panel.description || '').includes('no data here:')) ++excused;
      if (!panel.targets?.length) say('asks nothing', panel);
      for (const { expr, datasource } of panel.targets || []) {
        ++queries;
        if (datasource?.uid !== '${datasource}') say('a query names a datasource', panel);
        if (/\bjob\s*[=!]/.test(expr)) say('names a job', panel);
        for (const fault of seriesFaults(expr)) say(fault, panel);
        if (/(?<!gofarm_[a-z_]*|process_[a-z_]*)\bup\b/.test(expr)) say("asks Prometheus' own series", panel);
        for (const [, at] of expr.matchAll(/\$\{?(\w+)/g)) {
          if (!['__rate_interval', '__range', 'target', 'worker'].includes(at)) say(`uses $${at}`, panel);
        }
        if (/\$\{?(target|worker)/.test(expr.replace(/=~"\$(target|worker)"/g, '')))
          say('a variable does not stand alone in a matcher', panel);
      }
    }
  }
  if (all.length < 7) out.push('fewer than seven dashboards');
  if (queries < 40) out.push(`only ${queries} queries`);
  if (excused > 4) out.push(`${excused} panels are excused from having data`);
  return out;
}

faults.push(...ruleFaults(boards), ...typeFaults(boards));
const alerts = readFileSync(join(source, 'deploy/prometheus/gofarm.rules.yml'), 'utf8').replace(
  /^ *#.*$|\$externalLabels\.gofarm_url/gm,
  '',
);
faults.push(...seriesFaults(alerts).map((fault) => `gofarm.rules.yml: ${fault}`));

// Each fault is made in a copy, and has to be found.
const spoiled = (change) => {
  const copy = structuredClone(boards);
  change(copy[0][1], copy);
  return copy;
};
const first = (board) => board.panels.find((panel) => panel.type !== 'row');
const controls = {
  'ids repeat': (board) => {
    board.panels[1].id = board.panels[0].id;
  },
  'overlaps another': (board) => {
    board.panels[1].gridPos = { ...board.panels[0].gridPos };
  },
  'outside of the grid': (board) => {
    board.panels[1].gridPos.x = 20;
  },
  'has no description': (board) => {
    delete first(board).description;
  },
  'has no unit': (board) => {
    delete first(board).fieldConfig.defaults.unit;
  },
  'names a datasource': (board) => {
    first(board).datasource.uid = 'P1809F7CD0C75ACF3';
  },
  'names a job': (board) => {
    first(board).targets[0].expr = 'sum(gofarm_jobs{job="gofarm"})';
  },
  'stand alone': (board) => {
    first(board).targets[0].expr = 'sum(gofarm_jobs) > $target';
  },
  'uses $other': (board) => {
    first(board).targets[0].expr = 'sum(gofarm_jobs{state="$other"})';
  },
  'which is not there': (board) => {
    first(board).links[0].url = '/d/gofarm-nowhere?';
  },
  'to no next question': (board) => {
    first(board).links = [];
  },
  'its uid': (board) => {
    board.uid = '';
  },
  "Prometheus' own": (board) => {
    first(board).targets[0].expr = 'sum(up)';
  },
  'is not served': (board) => {
    first(board).targets[0].expr = 'sum(gofarm_job)';
  },
  'has no label where': (board) => {
    first(board).targets[0].expr = 'sum(gofarm_jobs{where="here"})';
  },
  'is never lost': (board) => {
    first(board).targets[0].expr = 'sum(gofarm_jobs{state=~"waiting|lost"})';
  },
  'asks nothing': (board) => {
    first(board).targets = [];
  },
};
for (const [what, change] of Object.entries(controls)) {
  if (!ruleFaults(spoiled(change)).some((fault) => fault.includes(what)))
    faults.push(`this fault was not found: ${what}`);
}
const wrong = typeFaults(
  spoiled((board) => {
    first(board).gridPos.h = 'tall';
    board.graphTooltip = 7;
    first(board).targets[0].exp = '';
  }),
);
if (wrong.length < 3) faults.push(`the types found ${wrong.length} of three faults`);

for (const fault of faults) console.error(fault);
if (faults.length) process.exit(1);
console.log(`${boards.length} dashboards hold`);
