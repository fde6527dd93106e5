'use strict';

module.exports = ({ stat, lines, board }, { rate, all, quantile, ofCoordinator }) => {
  return board({
    name: 'coordinator',
    title: 'gofarm: coordinator internals',
    about: 'Leadership, database, calls, storage and the process itself.',
    rows: [
      [
        '',
        [
          stat({
            title: 'Leaders',
            width: 6,
            expr: 'sum(gofarm_leading)',
            unit: 'none',
            about: 'Coordinators that lead: one.',
            thresholds: [
              [null, 'red'],
              [1, 'green'],
              [2, 'red'],
            ],
            next: ['What waits meanwhile?', 'queue'],
          }),
          stat({
            title: 'Epoch',
            width: 6,
            expr: 'max(gofarm_epoch)',
            unit: 'none',
            about: 'Grows by one with each leadership.',
            next: ['Is it well now?', 'overview'],
          }),
          stat({
            title: 'Busy dispatcher',
            width: 6,
            expr: all('gofarm_dispatcher_busy_seconds_total'),
            unit: 'percentunit',
            decimals: 1,
            about: 'Share of the time in which the one thread that places jobs works.',
            thresholds: [
              [null, 'green'],
              [0.5, 'yellow'],
              [0.9, 'red'],
            ],
            next: ['How many jobs are there?', 'queue'],
          }),
          stat({
            title: 'Failed statements, last hour',
            width: 6,
            expr: 'sum(increase(gofarm_statement_failures_total[1h]))',
            unit: 'short',
            decimals: 0,
            about: 'Statements that the database did not carry out.',
            thresholds: [
              [null, 'green'],
              [1, 'yellow'],
              [100, 'red'],
            ],
            next: ['Is it well now?', 'overview'],
          }),
          lines({
            title: 'Leadership',
            unit: 'none',
            expr: [['max by (instance) (gofarm_leading)', '{{instance}}']],
            about: '1: this coordinator leads.',
            next: ['Were jobs held up?', 'queue'],
          }),
          lines({
            title: 'Changes of leadership, last hour',
            unit: 'short',
            expr: [['sum by (instance) (increase(gofarm_leadership_changes_total[1h]))', '{{instance}}']],
            about: 'Leaderships that were taken or lost.',
            next: ['Were attempts lost?', 'failures'],
          }),
        ],
      ],
      [
        'Database',
        [
          lines({
            title: 'Time of statements',
            unit: 's',
            expr: [
              [quantile(0.5, 'gofarm_statement_seconds', ''), 'half'],
              [quantile(0.95, 'gofarm_statement_seconds', ''), '95 %'],
              [quantile(0.99, 'gofarm_statement_seconds', ''), '99 %'],
            ],
            about: 'Of all statements.',
            next: ['Is the queue held up?', 'queue'],
          }),
          lines({
            title: "Where the database's time goes",
            unit: 'percentunit',
            stacked: true,
            expr: [
              ['topk(8, sum by (statement) (rate(gofarm_statement_seconds_sum[$__rate_interval])))', '{{statement}}'],
            ],
            about:
              'Seconds per second that are spent in each statement, the eight most expensive. Names are files of coordinator/sql.',
            next: ['Does the catalog work?', 'catalog'],
          }),
          lines({
            title: 'Connections',
            unit: 'none',
            stacked: true,
            expr: [['sum by (state) (gofarm_database_connections)', '{{state}}']],
            about: 'Connections to the database that this coordinator has.',
            next: ['Is the queue held up?', 'queue'],
          }),
          lines({
            title: 'Wait for a connection',
            unit: 's',
            expr: [[quantile(0.95, 'gofarm_database_wait_seconds', ''), '95 %']],
            about: '95 % of the calls waited no longer for a connection of their own.',
            next: ['Does the catalog work?', 'catalog'],
          }),
          lines({
            title: 'Failures',
            unit: 'short',
            expr: [
              ['sum(increase(gofarm_statement_failures_total[10m]))', 'statements'],
              ['sum(increase(gofarm_store_failures_total[10m]))', 'calls of the dispatcher'],
            ],
            about: 'Of ten minutes before.',
            next: ['Is it well now?', 'overview'],
          }),
        ],
      ],
      [
        'Calls',
        [
          lines({
            title: 'Calls per second',
            unit: 'reqps',
            stacked: true,
            expr: [[rate('gofarm_rpc_calls_total', 'code'), '{{code}}']],
            about: 'Calls of workers and people by their end.',
            next: ['Who connects?', 'workers'],
          }),
          lines({
            title: 'Slowest calls',
            unit: 's',
            expr: [[`topk(6, ${quantile(0.95, 'gofarm_rpc_seconds', 'method')} >= 0)`, '{{method}}']],
            about:
              '95 % of the calls of a method took no longer; the six slowest methods. Streams last as long as they are wanted.',
            next: ['Does the queue move?', 'queue'],
          }),
          lines({
            title: 'HTTP requests per second',
            unit: 'reqps',
            stacked: true,
            expr: [[rate('gofarm_http_requests_total', 'code'), '{{code}}']],
            about: 'Requests of all HTTP listeners by status.',
            next: ['What is published?', 'publishing'],
          }),
          lines({
            title: 'HTTP connections',
            unit: 'none',
            expr: [['sum(gofarm_http_connections)', 'connections']],
            about: 'Open connections of all HTTP listeners.',
            next: ['What is published?', 'publishing'],
          }),
          lines({
            title: 'Not let in',
            unit: 'short',
            stacked: true,
            expr: [['sum by (why) (increase(gofarm_authentication_refusals_total[1h]))', '{{why}}']],
            about: 'Calls of the hour before that were refused before anything was done. `gofarm audit` names them.',
            next: ['Which workers are missing?', 'workers'],
          }),
        ],
      ],
      [
        'Storage and process',
        [
          lines({
            title: 'Free under the data folder',
            unit: 'bytes',
            expr: [['min by (instance) (gofarm_blob_store_free_bytes)', '{{instance}}']],
            about: 'Artifacts, logs and archives stand there.',
            next: ['How fast does it fill?', 'publishing'],
          }),
          lines({
            title: 'Stored',
            unit: 'bytes',
            expr: [['max by (instance) (gofarm_blob_store_bytes)', '{{instance}}']],
            about: 'Bytes of artifacts and logs.',
            next: ['What of it is published?', 'publishing'],
          }),
          lines({
            title: 'Written',
            unit: 'Bps',
            expr: [
              [all('gofarm_log_bytes_total'), 'logs'],
              [all('gofarm_artifact_bytes_total'), 'artifacts'],
            ],
            about: 'Bytes per second that workers sent.',
            next: ['Who sends them?', 'workers'],
          }),
          lines({
            title: 'Time of the blob store',
            unit: 's',
            expr: [[quantile(0.95, 'gofarm_blob_store_seconds', 'call'), '{{call}}']],
            about: '95 % of the calls took no longer: a slow disk shows here.',
            next: ['How long do uploads take?', 'queue'],
          }),
          lines({
            title: 'Processor',
            unit: 'percentunit',
            expr: [[ofCoordinator('rate(process_cpu_seconds_total[$__rate_interval])'), '{{instance}}']],
            about: 'Seconds per second: 100 % is one processor.',
            next: ['How many jobs are there?', 'queue'],
          }),
          lines({
            title: 'Memory',
            unit: 'bytes',
            expr: [[ofCoordinator('process_resident_memory_bytes'), '{{instance}}']],
            about: 'Of the process.',
            next: ['How many jobs are there?', 'queue'],
          }),
          lines({
            title: 'Open files',
            unit: 'none',
            expr: [[ofCoordinator('process_open_fds'), '{{instance}}']],
            about: 'Of the process; connections count.',
            next: ['Who connects?', 'workers'],
          }),
          lines({
            title: 'Certificates',
            unit: 's',
            expr: [['min by (which) (gofarm_certificate_left_seconds)', '{{which}}']],
            about: "Life that is left to the server's certificate and the farm's authority.",
            empty: 'a farm that nobody reaches over TLS has none.',
            next: ['And those of the workers?', 'workers'],
          }),
        ],
      ],
    ],
  });
};
