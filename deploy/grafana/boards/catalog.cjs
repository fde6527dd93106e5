'use strict';

module.exports = ({ stat, lines, bars, board }, { rate }) => {
  return board({
    name: 'catalog',
    title: 'gofarm: catalog funnel',
    about: 'From the module index to a batch: which stage has how much to do, how fast, and what stands in its way.',
    rows: [
      [
        '',
        [
          bars({
            title: 'Due in each stage',
            unit: 'short',
            expr: [['sum by (stage) (gofarm_catalog_backlog)', '{{stage}}']],
            about: 'Modules (of the index: lines) that are due, by stage.',
            next: ['Do the selected ones become jobs?', 'queue'],
          }),
          bars({
            title: 'Which stages run',
            unit: 'none',
            most: 1,
            expr: [['max by (stage) (gofarm_catalog_stage_running)', '{{stage}}']],
            about: '1: turned on, and no paused service holds it up. `gofarm catalog run` turns stages on.',
            next: ['Does the coordinator lead?', 'coordinator'],
          }),
          lines({
            title: 'Backlog',
            unit: 'short',
            expr: [['sum by (stage) (gofarm_catalog_backlog)', '{{stage}}']],
            about: 'Modules that are due, by stage.',
            next: ['What waits to be built?', 'queue'],
          }),
          lines({
            title: 'Finished per hour',
            unit: 'short',
            expr: [[`${rate('gofarm_catalog_modules_total', 'stage')} * 3600`, '{{stage}}']],
            about: 'Modules (of the index: lines) that each stage finished.',
            next: ['What becomes of the selected?', 'queue'],
          }),
          lines({
            title: 'Nothing finished for',
            unit: 's',
            expr: [['max by (stage) (gofarm_catalog_stage_progress_age_seconds)', '{{stage}}']],
            about: 'Since a stage with a backlog last finished something; 0 for a stage without one.',
            next: ['Is the database slow?', 'coordinator'],
          }),
          lines({
            title: 'Age of the index cursor',
            unit: 's',
            expr: [['max(gofarm_catalog_cursor_age_seconds)', 'cursor']],
            about: 'How far the reading of the module index is behind; 0 while the stage is off.',
            next: ['Is the database slow?', 'coordinator'],
          }),
          lines({
            title: 'Errors per hour',
            unit: 'short',
            stacked: true,
            expr: [['sum by (stage) (increase(gofarm_catalog_errors_total[1h]))', '{{stage}}']],
            about: 'Modules that a stage has no result for, and turns that failed.',
            next: ['Which builds fail?', 'failures'],
          }),
          stat({
            title: 'Modules left today',
            width: 12,
            expr: 'max(gofarm_publish_budget_left)',
            unit: 'short',
            about: 'Modules that may still become jobs by themselves today (UTC).',
            next: ['What do they wait for?', 'queue'],
          }),
        ],
      ],
      [
        'Services of others',
        [
          lines({
            title: 'Requests per second',
            unit: 'reqps',
            stacked: true,
            expr: [[rate('gofarm_catalog_requests_total', 'service'), '{{service}}']],
            about: 'Requests to outside services, tries included.',
            next: ['What holds the coordinator up?', 'coordinator'],
          }),
          lines({
            title: 'Failed requests per second',
            unit: 'reqps',
            stacked: true,
            expr: [[rate('gofarm_catalog_request_errors_total', 'service'), '{{service}}']],
            about: 'Requests without a usable answer.',
            next: ['Do builds miss sources too?', 'failures'],
          }),
          lines({
            title: 'Paused',
            unit: 'none',
            most: 1,
            expr: [['max by (service) (gofarm_catalog_service_paused)', '{{service}}']],
            about: '1: the service is not asked for a while, because it failed or wished so.',
            next: ['Do builds miss sources too?', 'failures'],
          }),
          lines({
            title: 'Received',
            unit: 'Bps',
            stacked: true,
            expr: [[rate('gofarm_catalog_received_bytes_total', 'service'), '{{service}}']],
            about: 'Bodies of answers, bytes per second.',
            next: ['How much room is left?', 'coordinator'],
          }),
        ],
      ],
    ],
  });
};
