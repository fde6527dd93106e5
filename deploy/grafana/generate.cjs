#!/usr/bin/env node
// Writes the dashboards (docs/watching.md): generate.cjs MODULES FOLDER. MODULES is what deploy/setup/npm.sh makes; FOLDER
// gets NAME.json of each file in boards/.
'use strict';
const { mkdirSync, readdirSync, writeFileSync } = require('node:fs');
const { join, parse, resolve } = require('node:path');

const [modules, folder] = process.argv.slice(2);
if (!folder) {
  console.error('generate.cjs: usage: generate.cjs MODULES FOLDER');
  process.exit(2);
}
const style = require('./style.cjs')(resolve(modules));
const queries = require('./queries.cjs');
mkdirSync(folder, { recursive: true });
for (const file of readdirSync(join(__dirname, 'boards'))) {
  const board = require(join(__dirname, 'boards', file))(style, queries);
  writeFileSync(join(folder, `${parse(file).name}.json`), JSON.stringify(board, null, 1) + '\n');
}
