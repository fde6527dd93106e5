// Parts of queries that several dashboards share. Sums go over all coordinators: one that stands by shows 0 for what only
// the leader knows. Nothing names a job of Prometheus' configuration.
'use strict';

// The reader's choice.
const T = 'target=~"$target"';
const W = 'worker=~"$worker"';
const rate = (name, by, filter = '') => `sum by (${by}) (rate(${name}{${filter}}[$__rate_interval]))`;
const all = (name, filter = '') => `sum(rate(${name}{${filter}}[$__rate_interval]))`;
// The value that the share `q` of what was measured does not exceed.
const quantile = (q, name, by, filter = '') =>
  `histogram_quantile(${q}, sum by (le${by ? `, ${by}` : ''}) (rate(${name}_bucket{${filter}}[$__rate_interval])))`;
// Of the coordinators alone: workers have such series too.
const ofCoordinator = (expr) => `${expr} and on (instance) gofarm_leading`;
// Jobs that ended in the last six hours.
const ended = (state) => `sum(increase(gofarm_jobs_ended_total{state=~"${state}", ${T}}[6h]))`;
const failedShare = `${ended('failed')} / clamp_min(${ended('built|partial|failed')}, 1)`;
const open = `(sum(gofarm_queue_jobs{${T}}) + sum(gofarm_running_jobs{${T}}))`;

module.exports = { T, W, rate, all, quantile, ofCoordinator, ended, failedShare, open };
