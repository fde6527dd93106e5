'use strict';

module.exports = ({ stat, lines, table, board }, { T, W, rate }) => {
  return board({
    name: 'workers',
    title: 'gofarm: workers',
    about: 'Who builds, with how much room, and who does not. All of it is what workers report to the coordinator.',
    rows: [
      [
        '',
        [
          stat({
            title: 'Connected',
            width: 6,
            expr: 'sum(gofarm_sessions)',
            unit: 'none',
            about: 'Workers that are connected.',
            thresholds: [
              [null, 'red'],
              [1, 'green'],
            ],
            next: ['What waits for them?', 'queue'],
          }),
          stat({
            title: 'Busy slots',
            width: 6,
            expr: 'sum(gofarm_slots{kind="busy"})',
            unit: 'none',
            about: 'Slots in which something is built.',
            next: ['What waits for a slot?', 'queue'],
          }),
          stat({
            title: 'All slots',
            width: 6,
            expr: 'sum(gofarm_slots{kind="total"})',
            unit: 'none',
            about: 'Slots of connected workers.',
            next: ['What waits for a slot?', 'queue'],
          }),
          stat({
            title: 'Least free disk',
            width: 6,
            expr: `min(gofarm_worker_disk_free_bytes{${W}})`,
            unit: 'bytes',
            about: 'Of the chosen workers. Below 1 GiB a worker takes no job.',
            thresholds: [
              [null, 'red'],
              [2147483648, 'yellow'],
              [10737418240, 'green'],
            ],
            next: ['What fails for want of room?', 'failures'],
          }),
          lines({
            title: 'Workers by state',
            unit: 'none',
            stacked: true,
            expr: [['sum by (state) (gofarm_workers)', '{{state}}']],
            about: 'Workers that the farm knows, by what they do.',
            next: ['What waits?', 'queue'],
          }),
          lines({
            title: 'Ready workers by target',
            unit: 'none',
            expr: [[`sum by (target) (gofarm_workers_ready{${T}})`, '{{target}}']],
            about: 'Connected workers that take jobs for each target.',
            next: ['What waits for this target?', 'queue'],
          }),
          table({
            title: 'Each worker',
            by: 'worker',
            columns: [
              [`max by (worker) (gofarm_worker_up{${W}})`, 'connected', 'none'],
              [`max by (worker) (gofarm_worker_running{${W}})`, 'runs', 'none'],
              [`max by (worker) (gofarm_worker_slots{${W}})`, 'slots', 'none'],
              [`max by (worker) (gofarm_worker_load{${W}})`, 'load', 'short'],
              [`max by (worker) (gofarm_worker_memory_free_bytes{${W}})`, 'free memory', 'bytes'],
              [`max by (worker) (gofarm_worker_disk_free_bytes{${W}})`, 'free disk', 'bytes'],
              [`max by (worker) (gofarm_worker_last_seen_seconds{${W}})`, 'last seen', 's'],
            ],
            about: 'What each worker last reported. `gofarm worker show NAME` says more.',
            next: ['What came of its attempts?', 'failures'],
          }),
        ],
      ],
      [
        'Room',
        [
          lines({
            title: 'Running builds',
            unit: 'none',
            stacked: true,
            expr: [[`max by (worker) (gofarm_worker_running{${W}})`, '{{worker}}']],
            about: 'Builds that run on each worker.',
            next: ['How long do they take?', 'queue'],
          }),
          lines({
            title: 'Load',
            unit: 'short',
            expr: [[`max by (worker) (gofarm_worker_load{${W}})`, '{{worker}}']],
            about: 'Programs that run or wait for a processor, mean of a minute.',
            next: ['How long do builds take?', 'queue'],
          }),
          lines({
            title: 'Free memory',
            unit: 'bytes',
            expr: [[`max by (worker) (gofarm_worker_memory_free_bytes{${W}})`, '{{worker}}']],
            about: 'Memory that programs of each worker may still take.',
            next: ['What fails for want of memory?', 'failures'],
          }),
          lines({
            title: 'Free disk',
            unit: 'bytes',
            expr: [[`max by (worker) (gofarm_worker_disk_free_bytes{${W}})`, '{{worker}}']],
            about: "Free bytes in the fuller of the worker's folders. Below 1 GiB it takes no job.",
            next: ['What fails for want of room?', 'failures'],
          }),
          lines({
            title: 'Caches',
            unit: 'bytes',
            stacked: true,
            expr: [[`sum by (cache) (gofarm_worker_cache_bytes{${W}})`, '{{cache}}']],
            about: 'Bytes in the caches of the chosen workers.',
            next: ['How long are the phases?', 'queue'],
          }),
          lines({
            title: 'Found in the cache',
            unit: 'percentunit',
            most: 1,
            expr: [
              [
                `sum by (cache) (gofarm_worker_cache_lookups_total{result="hit", ${W}}) / clamp_min(sum by (cache) (gofarm_worker_cache_lookups_total{${W}}), 1)`,
                '{{cache}}',
              ],
            ],
            about: 'Share of the look-ups since the workers started that found what they wanted.',
            next: ['How long are the phases?', 'queue'],
          }),
        ],
      ],
      [
        'What keeps workers from building',
        [
          lines({
            title: 'Refused offers per second',
            unit: 'ops',
            stacked: true,
            expr: [[rate('gofarm_refusals_total', 'reason'), '{{reason}}']],
            about: 'Offers that workers refused, by reason.',
            next: ['What waits meanwhile?', 'queue'],
          }),
          lines({
            title: 'Clocks',
            unit: 's',
            least: undefined,
            expr: [[`max by (worker) (gofarm_worker_clock_skew_seconds{${W}})`, '{{worker}}']],
            about: "How far the clock of each worker is from the coordinator's. Ten minutes are borne.",
            next: ['Who is refused?', 'coordinator'],
          }),
          lines({
            title: 'Last seen',
            unit: 's',
            expr: [[`max by (worker) (gofarm_worker_last_seen_seconds{${W}})`, '{{worker}}']],
            about: 'Since each worker last said something.',
            next: ['Were attempts lost?', 'failures'],
          }),
          lines({
            title: 'Certificates of workers',
            unit: 's',
            expr: [[`min by (worker) (gofarm_worker_certificate_left_seconds{${W}})`, '{{worker}}']],
            about: 'Life that is left to the certificate of each worker; it renews itself at 8 hours.',
            empty: 'a farm of one machine has no certificates.',
            next: ["And the coordinator's own?", 'coordinator'],
          }),
        ],
      ],
    ],
  });
};
