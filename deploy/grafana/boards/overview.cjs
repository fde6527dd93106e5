'use strict';

module.exports = ({ stat, lines, bars, board }, { T, rate, ended, failedShare, open }) => {
  return board({
    name: 'overview',
    title: 'gofarm: overview',
    about: 'Is it well, how far is it, how long will it take yet, what fails. Each panel leads to the next question.',
    rows: [
      [
        '',
        [
          stat({
            title: 'Is it led?',
            expr: 'max(gofarm_leading)',
            unit: 'none',
            graph: false,
            about: 'Whether a coordinator leads. Without a leader nothing is handed out.',
            words: { 1: ['leads', 'green'], 0: ['no leader', 'red'] },
            next: ['Why does none lead?', 'coordinator'],
          }),
          stat({
            title: 'Workers',
            expr: 'sum(gofarm_sessions)',
            unit: 'none',
            about: 'Workers that are connected.',
            thresholds: [
              [null, 'red'],
              [1, 'green'],
            ],
            next: ['Which of them?', 'workers'],
          }),
          stat({
            title: 'Open jobs',
            expr: open,
            unit: 'short',
            about: 'Jobs that wait or run, of the chosen targets.',
            next: ['Why do they wait?', 'queue'],
          }),
          stat({
            title: 'Ended per hour',
            expr: `sum(rate(gofarm_jobs_ended_total{${T}}[30m])) * 3600`,
            unit: 'short',
            decimals: 0,
            about: 'Jobs that ended, whatever came of them, at the speed of the last half hour.',
            next: ['What slows it?', 'queue'],
          }),
          stat({
            title: 'Time left',
            unit: 's',
            decimals: 0,
            expr: `${open} / clamp_min(sum(rate(gofarm_jobs_ended_total{${T}}[30m])), 0.0003)`,
            about:
              'Until all open jobs ended, at the speed of the last half hour; at least one job an hour is assumed.',
            next: ['Are there enough workers?', 'workers'],
          }),
          stat({
            title: 'Failed',
            expr: failedShare,
            unit: 'percentunit',
            decimals: 1,
            about: 'Jobs that failed, of those that were built, partly built or failed in the last six hours.',
            thresholds: [
              [null, 'green'],
              [0.3, 'yellow'],
              [0.6, 'red'],
            ],
            next: ['By what?', 'failures'],
          }),
          lines({
            title: 'How far',
            expr: [['sum by (state) (gofarm_jobs)', '{{state}}']],
            unit: 'short',
            stacked: true,
            about: 'Jobs of the queue by what the dispatcher knows of them.',
            next: ['Why do they wait?', 'queue'],
          }),
          lines({
            title: 'How fast: ended jobs per hour',
            unit: 'short',
            stacked: true,
            expr: [[`${rate('gofarm_jobs_ended_total', 'state', T)} * 3600`, '{{state}}']],
            about: 'Jobs that ended, by what came of them.',
            next: ['What fails?', 'failures'],
          }),
          bars({
            title: 'What fails: attempts of the last hour',
            unit: 'short',
            expr: [['topk(8, sum by (class) (increase(gofarm_attempt_failures_total[1h])))', '{{class}}']],
            about: 'Failed attempts by class, the eight most frequent.',
            next: ['Since when, and for which target?', 'failures'],
          }),
          lines({
            title: 'Why jobs wait',
            unit: 'short',
            stacked: true,
            expr: [[`sum by (reason) (gofarm_queue_jobs{${T}})`, '{{reason}}']],
            about: 'Waiting jobs by reason.',
            next: ['How long have they waited?', 'queue'],
          }),
        ],
      ],
      [
        'Around the builds',
        [
          stat({
            title: 'Slots in use',
            width: 6,
            unit: 'percentunit',
            expr: 'sum(gofarm_slots{kind="busy"}) / clamp_min(sum(gofarm_slots{kind="total"}), 1)',
            about: 'Share of the slots of connected workers in which something is built.',
            next: ['Which workers are idle?', 'workers'],
          }),
          stat({
            title: 'Catalog backlog',
            width: 6,
            expr: 'sum(gofarm_catalog_backlog)',
            unit: 'short',
            about: 'Modules that are due in some stage of the catalog.',
            next: ['In which stage?', 'catalog'],
          }),
          stat({
            title: 'Oldest order to publish',
            width: 6,
            expr: 'max(gofarm_publish_oldest_waiting_seconds)',
            unit: 's',
            about: 'Age of the oldest order that no destination has carried out; 0 when none waits.',
            thresholds: [
              [null, 'green'],
              [3600, 'yellow'],
              [21600, 'red'],
            ],
            next: ['What holds it up?', 'publishing'],
          }),
          stat({
            title: 'Free for data',
            width: 6,
            expr: 'min(gofarm_blob_store_free_bytes and on (instance) gofarm_leading == 1)',
            unit: 'bytes',
            about: 'Free bytes under the data folder of the coordinator that leads.',
            thresholds: [
              [null, 'red'],
              [5368709120, 'yellow'],
              [21474836480, 'green'],
            ],
            next: ['What fills it?', 'coordinator'],
          }),
        ],
      ],
    ],
  });
};
