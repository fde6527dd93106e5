'use strict';

module.exports = ({ stat, lines, bars, board }, { T, rate }) => {
  return board({
    name: 'publishing',
    title: 'gofarm: publishing',
    about: 'What is on its way to registries, folders and the index, and what holds it up.',
    rows: [
      [
        '',
        [
          stat({
            title: 'Waiting',
            width: 6,
            expr: 'sum(gofarm_publish_rows{state="pending"})',
            unit: 'short',
            about: 'Orders that are not carried out yet.',
            next: ['Does the coordinator lead?', 'coordinator'],
          }),
          stat({
            title: 'Failed, tried again',
            width: 6,
            expr: 'sum(gofarm_publish_rows{state="failed"})',
            unit: 'short',
            about: 'Orders whose last try failed.',
            thresholds: [
              [null, 'green'],
              [1, 'yellow'],
              [100, 'red'],
            ],
            next: ['Does the database answer?', 'coordinator'],
          }),
          stat({
            title: 'Parked',
            width: 6,
            expr: 'sum(gofarm_publish_rows{state="parked"})',
            unit: 'short',
            about: 'Orders that somebody has to look at: `gofarm publish list --state parked`.',
            thresholds: [
              [null, 'green'],
              [1, 'yellow'],
            ],
            next: ['What failed to build?', 'failures'],
          }),
          stat({
            title: 'Published',
            width: 6,
            expr: 'sum(gofarm_publish_rows{state="published"})',
            unit: 'short',
            about: 'Programs of a target at a destination.',
            next: ['What is built now?', 'queue'],
          }),
          lines({
            title: 'Orders by state',
            unit: 'short',
            stacked: true,
            expr: [['sum by (state) (gofarm_publish_rows{state!="published"})', '{{state}}']],
            about: 'Programs of a target at a destination, those that are published left out.',
            next: ['Is the coordinator busy?', 'coordinator'],
          }),
          lines({
            title: 'Oldest order',
            unit: 's',
            expr: [['max by (destination_kind) (gofarm_publish_oldest_waiting_seconds)', '{{destination_kind}}']],
            about: 'Age of the oldest order that waits, by kind of destination; 0 when none does.',
            next: ['Is the disk full?', 'coordinator'],
          }),
          lines({
            title: 'Requests to registries',
            unit: 'reqps',
            stacked: true,
            expr: [[rate('gofarm_publish_requests_total', 'class'), '{{class}}']],
            about: 'By class: ok, or why not. not_found is also the answer to a look for what is not there yet.',
            next: ['Is the catalog refused too?', 'catalog'],
          }),
          bars({
            title: 'Refusals in this range',
            unit: 'short',
            expr: [
              [
                'sum by (class) (increase(gofarm_publish_requests_total{class!~"ok|not_found"}[$__range]))',
                '{{class}}',
              ],
            ],
            about: 'Requests to registries without the wanted answer, by class.',
            next: ['Is the catalog refused too?', 'catalog'],
          }),
        ],
      ],
      [
        'Index',
        [
          stat({
            title: 'Generation',
            width: 6,
            expr: 'max(gofarm_publish_index_generation)',
            unit: 'none',
            about: 'Number of the index that is served; 0: none.',
            next: ['Is it led?', 'coordinator'],
          }),
          stat({
            title: 'Age of the index',
            width: 6,
            expr: 'max(gofarm_publish_index_age_seconds)',
            unit: 's',
            about: 'Since the served index was written; 0: none is served.',
            next: ['Is it led?', 'coordinator'],
          }),
          stat({
            title: 'Withdrawn',
            width: 6,
            expr: 'max(gofarm_publish_withdrawals)',
            unit: 'short',
            about: 'Modules and versions that people withdrew.',
            next: ['What crashes at start?', 'failures'],
          }),
          stat({
            title: 'Retracted',
            width: 6,
            expr: 'max(gofarm_publish_retracted_versions)',
            unit: 'short',
            about: 'Versions that the index does not show, as their authors took them back.',
            next: ['Is the catalog up to date?', 'catalog'],
          }),
          lines({
            title: 'Executables per hour',
            unit: 'short',
            stacked: true,
            expr: [[`${rate('gofarm_executables_total', 'target', T)} * 3600`, '{{target}}']],
            about: 'What there is to publish.',
            next: ['What fails instead?', 'failures'],
          }),
          lines({
            title: 'Bytes of executables',
            unit: 'Bps',
            stacked: true,
            expr: [[rate('gofarm_executable_bytes_total', 'target', T), '{{target}}']],
            about: 'Bytes of executables that were built, per second.',
            next: ['How much room is left?', 'coordinator'],
          }),
        ],
      ],
    ],
  });
};
