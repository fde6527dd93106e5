'use strict';

module.exports = ({ stat, lines, bars, board }, { T, rate, ended, failedShare }) => {
  return board({
    name: 'failures',
    title: 'gofarm: failures',
    about: 'What fails, since when, for which target, and whether it is the modules or the farm.',
    rows: [
      [
        '',
        [
          stat({
            title: 'Failed, last 6 hours',
            width: 6,
            expr: failedShare,
            unit: 'percentunit',
            decimals: 1,
            about: 'Jobs that failed, of those that were built, partly built or failed.',
            thresholds: [
              [null, 'green'],
              [0.3, 'yellow'],
              [0.6, 'red'],
            ],
            next: ['Was the queue held up too?', 'queue'],
          }),
          stat({
            title: 'Failed jobs',
            width: 6,
            expr: ended('failed'),
            unit: 'short',
            decimals: 0,
            about: 'Jobs that failed in the last six hours.',
            next: ['What is tried again?', 'queue'],
          }),
          stat({
            title: 'Partly built',
            width: 6,
            expr: ended('partial'),
            unit: 'short',
            decimals: 0,
            about: 'Jobs of the last six hours of which some programs were built.',
            next: ['What is published of them?', 'publishing'],
          }),
          stat({
            title: 'Attempts lost',
            width: 6,
            expr: 'sum(increase(gofarm_attempts_lost_total[6h]))',
            unit: 'short',
            decimals: 0,
            about: 'Attempts of the last six hours whose worker was silent until the lease ended.',
            next: ['Which worker?', 'workers'],
          }),
          lines({
            title: 'Failed share by target',
            unit: 'percentunit',
            most: 1,
            expr: [
              [
                `sum by (target) (increase(gofarm_jobs_ended_total{state="failed", ${T}}[1h])) / clamp_min(sum by (target) (increase(gofarm_jobs_ended_total{${T}}[1h])), 1)`,
                '{{target}}',
              ],
            ],
            about:
              'Of the jobs that ended in the hour before. A step after a toolset change (violet mark) means the toolchain.',
            next: ['Which workers build for it?', 'workers'],
          }),
          lines({
            title: 'Failed attempts by class',
            unit: 'short',
            stacked: true,
            expr: [['sum by (class) (increase(gofarm_attempt_failures_total[1h]))', '{{class}}']],
            about: 'Of the hour before, by class. `gofarm job list --state failed` names the jobs.',
            next: ['Are they tried again?', 'queue'],
          }),
          bars({
            title: 'Failed attempts in this range',
            unit: 'short',
            height: 10,
            expr: [['topk(12, sum by (class) (increase(gofarm_attempt_failures_total[$__range])))', '{{class}}']],
            about: 'The twelve most frequent classes in the chosen time.',
            next: ['Is a worker to blame?', 'workers'],
          }),
          lines({
            title: 'Attempts by outcome, per hour',
            unit: 'short',
            stacked: true,
            height: 10,
            expr: [[`${rate('gofarm_attempts_ended_total', 'outcome', T)} * 3600`, '{{outcome}}']],
            about: 'What attempts ended with.',
            next: ['How long do they take?', 'queue'],
          }),
        ],
      ],
      [
        'Is it the farm?',
        [
          lines({
            title: 'Smoke runs per hour',
            unit: 'short',
            stacked: true,
            expr: [[`${rate('gofarm_smoke_runs_total', 'result')} * 3600`, '{{result}}']],
            about: 'Each program is started once after it was built (docs/smoke.md).',
            next: ['What is published?', 'publishing'],
          }),
          lines({
            title: 'Went back to the queue, last hour',
            unit: 'short',
            stacked: true,
            expr: [['sum by (why) (increase(gofarm_jobs_requeued_total[1h]))', '{{why}}']],
            about: 'Jobs that wait for another attempt, by why.',
            next: ['How long do they wait?', 'queue'],
          }),
          lines({
            title: 'Attempts lost',
            unit: 'short',
            expr: [['sum(increase(gofarm_attempts_lost_total[1h]))', 'lost']],
            about: 'Attempts of the hour before whose lease ended.',
            next: ['Which worker fell silent?', 'workers'],
          }),
          lines({
            title: 'Refused offers',
            unit: 'short',
            stacked: true,
            expr: [['sum by (reason) (increase(gofarm_refusals_total[1h]))', '{{reason}}']],
            about: 'Offers of the hour before that workers refused.',
            next: ['Which worker has no room?', 'workers'],
          }),
        ],
      ],
    ],
  });
};
