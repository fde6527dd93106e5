'use strict';

module.exports = ({ stat, lines, board }, { T, rate, quantile }) => {
  const phase = (part) => rate(`gofarm_phase_seconds_${part}`, 'phase');
  return board({
    name: 'queue',
    title: 'gofarm: queue',
    about: 'What waits, why, for how long, and where the time of a job goes.',
    rows: [
      [
        '',
        [
          stat({
            title: 'Waiting',
            width: 6,
            expr: `sum(gofarm_queue_jobs{${T}})`,
            unit: 'short',
            about: 'Jobs that wait.',
            next: ['Is a worker there for each target?', 'workers'],
          }),
          stat({
            title: 'Running',
            width: 6,
            expr: `sum(gofarm_running_jobs{${T}})`,
            unit: 'short',
            about: 'Jobs that run.',
            next: ['Where do they run?', 'workers'],
          }),
          stat({
            title: 'Longest wait',
            width: 6,
            expr: `max(gofarm_queue_oldest_seconds{${T}})`,
            unit: 's',
            about: 'Age of the open job that has waited longest.',
            next: ['Is a worker there for its target?', 'workers'],
          }),
          stat({
            title: 'Attempts lost, last hour',
            width: 6,
            expr: 'sum(increase(gofarm_attempts_lost_total[1h]))',
            unit: 'short',
            decimals: 0,
            about: 'Attempts whose worker was silent until the lease ended.',
            thresholds: [
              [null, 'green'],
              [1, 'yellow'],
              [10, 'red'],
            ],
            next: ['Which worker fell silent?', 'workers'],
          }),
          lines({
            title: 'Waiting by reason',
            unit: 'short',
            stacked: true,
            expr: [[`sum by (reason) (gofarm_queue_jobs{${T}})`, '{{reason}}']],
            about: 'Waiting jobs by why they wait.',
            next: ['Are there free slots?', 'workers'],
          }),
          lines({
            title: 'Waiting by target',
            unit: 'short',
            stacked: true,
            expr: [[`sum by (target) (gofarm_queue_jobs{${T}})`, '{{target}}']],
            about: 'Waiting jobs by target.',
            next: ['Who builds for this target?', 'workers'],
          }),
          lines({
            title: 'Longest wait by target',
            unit: 's',
            expr: [[`max by (target) (gofarm_queue_oldest_seconds{${T}})`, '{{target}}']],
            about: 'Age of the longest-waiting open job of each target; 0 when none waits.',
            next: ['Who builds for this target?', 'workers'],
          }),
          lines({
            title: 'Running by target',
            unit: 'short',
            stacked: true,
            expr: [[`sum by (target) (gofarm_running_jobs{${T}})`, '{{target}}']],
            about: 'Running jobs by target.',
            next: ['What comes of them?', 'failures'],
          }),
        ],
      ],
      [
        'Where the time goes',
        [
          lines({
            title: 'Wait before a worker takes a job',
            unit: 's',
            expr: [
              [quantile(0.5, 'gofarm_job_wait_seconds', 'target', T), 'half, {{target}}'],
              [quantile(0.95, 'gofarm_job_wait_seconds', 'target', T), '95 %, {{target}}'],
            ],
            about: 'From queued until an offer was accepted: half of the jobs, and 95 % of them, waited no longer.',
            next: ['Are there enough slots?', 'workers'],
          }),
          lines({
            title: 'Length of attempts',
            unit: 's',
            expr: [
              [quantile(0.5, 'gofarm_attempt_seconds', 'target', T), 'half, {{target}}'],
              [quantile(0.95, 'gofarm_attempt_seconds', 'target', T), '95 %, {{target}}'],
            ],
            about: 'From accepted until completed: half of the attempts, and 95 % of them, took no longer.',
            next: ['What do they end with?', 'failures'],
          }),
          lines({
            title: 'Mean time in each phase',
            unit: 's',
            stacked: true,
            expr: [[`${phase('sum')} / clamp_min(${phase('count')}, 1e-9)`, '{{phase}}']],
            about: 'Mean length of each phase of an attempt; 0 where no attempt ended.',
            next: ['Do caches help?', 'workers'],
          }),
          lines({
            title: 'Offers per second',
            unit: 'ops',
            stacked: true,
            expr: [[rate('gofarm_offers_total', 'what'), '{{what}}']],
            about: 'Offers to workers by what came of them.',
            next: ['Who refuses, and why?', 'workers'],
          }),
          lines({
            title: 'Jobs that went back to the queue',
            unit: 'short',
            stacked: true,
            expr: [['sum by (why) (increase(gofarm_jobs_requeued_total[1h]))', '{{why}}']],
            about: 'Jobs of the last hour that wait again after an attempt, by why.',
            next: ['What failed?', 'failures'],
          }),
          lines({
            title: 'Executables per hour',
            unit: 'short',
            stacked: true,
            expr: [[`${rate('gofarm_executables_total', 'target', T)} * 3600`, '{{target}}']],
            about: 'Executables that were built.',
            next: ['Are they published?', 'publishing'],
          }),
        ],
      ],
    ],
  });
};
