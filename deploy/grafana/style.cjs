// How every dashboard and panel of gofarm looks, by Grafana's foundation SDK: one function for each kind of panel. Ids
// come in the order of the panels, uids from the dashboard's name, so both are the same each time. Panels flow from left
// to right in rows of 24 columns.
'use strict';

module.exports = (modules) => {
  const { createRequire } = require('node:module');
  const sdk = (part) => createRequire(modules + '/')('@grafana/grafana-foundation-sdk/' + part);
  const dashboard = sdk('dashboard'),
    common = sdk('common'),
    prometheus = sdk('prometheus');
  const panels = { stat: sdk('stat'), timeseries: sdk('timeseries'), bargauge: sdk('bargauge'), table: sdk('table') };

  const source = { type: 'prometheus', uid: '${datasource}' };
  // What follows a reader to the next dashboard: time range and what was chosen.
  const kept = '${__url_time_range}&${datasource:queryparam}&${target:queryparam}&${worker:queryparam}';
  const to = (name) => `/d/gofarm-${name}?${kept}`;

  // `expr`: one expression, or a list of [expression, legend].
  const queries = (expr, instant) =>
    (Array.isArray(expr) ? expr : [[expr, '']]).map(([text, legend], at) => {
      const query = new prometheus.DataqueryBuilder()
        .expr(text)
        .legendFormat(legend || '__auto')
        .refId(String.fromCharCode(65 + at))
        .datasource(source);
      return instant ? query.instant() : query.range();
    });

  const steps = (list) =>
    new dashboard.ThresholdsConfigBuilder()
      .mode(dashboard.ThresholdsMode.Absolute)
      .steps((list || [[null, 'blue']]).map(([value, color]) => ({ value, color })));

  // A panel without its place. `next`: [question, name of a dashboard]; `empty`: why it may rightly have no data.
  const panel = (
    kind,
    { title, expr, unit, about, next, empty, decimals, most, least, thresholds, words, instant },
  ) => {
    const made = new panels[kind].PanelBuilder()
      .title(title)
      .unit(unit)
      .datasource(source)
      .description(about + (empty ? ` no data here: ${empty}` : ''))
      .targets(queries(expr, instant))
      .links([new dashboard.DashboardLinkBuilder(next[0]).type('link').url(to(next[1])).tooltip(next[0])]);
    if (decimals !== undefined) made.decimals(decimals);
    if (least !== undefined) made.min(least);
    if (most !== undefined) made.max(most);
    made.thresholds(steps(thresholds));
    if (words)
      made.mappings([
        {
          type: 'value',
          options: Object.fromEntries(
            Object.entries(words).map(([value, [text, color]], index) => [value, { text, color, index }]),
          ),
        },
      ]);
    return made;
  };

  const last = () => new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false).fields('');

  // One figure, large.
  const stat = (given) => ({
    width: given.width || 4,
    height: 4,
    panel: panel('stat', given)
      .reduceOptions(last())
      .colorMode(given.thresholds || given.words ? common.BigValueColorMode.Background : common.BigValueColorMode.Value)
      .graphMode(given.graph === false ? common.BigValueGraphMode.None : common.BigValueGraphMode.Area)
      .textMode(common.BigValueTextMode.Auto),
  });

  // Lines over time; `stacked` where their sum means something.
  const lines = (given) => {
    const made = panel('timeseries', { least: 0, ...given })
      .lineWidth(1)
      .fillOpacity(given.stacked ? 40 : 8)
      .showPoints(common.VisibilityMode.Never)
      .spanNulls(false)
      .colorScheme(new dashboard.FieldColorBuilder().mode('palette-classic'))
      .legend(
        new common.VizLegendOptionsBuilder()
          .showLegend(true)
          .displayMode(common.LegendDisplayMode.List)
          .placement(common.LegendPlacement.Bottom)
          .calcs([]),
      )
      .tooltip(
        new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi).sort(common.SortOrder.Descending),
      );
    if (given.stacked) made.stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal).group('A'));
    return { width: given.width || 12, height: given.height || 8, panel: made };
  };

  // One bar for each label, as it stands now.
  const bars = (given) => ({
    width: given.width || 12,
    height: given.height || 8,
    panel: panel('bargauge', { least: 0, ...given, instant: true })
      .reduceOptions(last())
      .orientation(common.VizOrientation.Horizontal)
      .displayMode(common.BarGaugeDisplayMode.Basic),
  });

  // `columns`: [column of the query's answer, title, unit]; `expr` gives one row for each value of `by`.
  const table = (given) => {
    const made = panel('table', { ...given, unit: 'none', instant: true });
    made.targets(
      given.columns.map(([text, ,], at) =>
        new prometheus.DataqueryBuilder()
          .expr(text)
          .instant()
          .format(prometheus.PromQueryFormat.Table)
          .refId(String.fromCharCode(65 + at))
          .datasource(source),
      ),
    );
    made.withTransformation({ id: 'joinByField', options: { byField: given.by, mode: 'outer' } });
    made.withTransformation({ id: 'filterFieldsByName', options: { include: { pattern: `^(${given.by}|Value.*)$` } } });
    const one = given.columns.length === 1;
    given.columns.forEach(([, name, unit], at) =>
      made.overrideByName(one ? 'Value' : `Value #${String.fromCharCode(65 + at)}`, [
        { id: 'displayName', value: name },
        { id: 'unit', value: unit },
      ]),
    );
    return { width: given.width || 24, height: given.height || 8, panel: made };
  };

  const choice = (name, label, query) =>
    new dashboard.QueryVariableBuilder(name)
      .label(label)
      .datasource(source)
      .query({ query, refId: name })
      .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
      .sort(dashboard.VariableSort.AlphabeticalAsc)
      .multi(true)
      .includeAll(true)
      .allValue('.*')
      .current({ selected: true, text: ['All'], value: ['$__all'] });

  const mark = (name, color, expr, title) =>
    new dashboard.AnnotationQueryBuilder()
      .name(name)
      .datasource(source)
      .enable(true)
      .hide(false)
      .iconColor(color)
      .titleFormat(title)
      .target(new prometheus.DataqueryBuilder().expr(expr).refId('Anno').interval('30s').range().datasource(source));

  // `rows`: [title of the row, panels]; the first row has no title: it is what stands above the fold.
  const board = ({ name, title, about, rows }) => {
    const made = new dashboard.DashboardBuilder(title)
      .uid(`gofarm-${name}`)
      .description(about)
      .tags(['gofarm'])
      .timezone('browser')
      .time({ from: 'now-3h', to: 'now' })
      .refresh('30s')
      .readonly()
      .tooltip(dashboard.DashboardCursorSync.Crosshair)
      .withVariable(new dashboard.DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus'))
      .withVariable(choice('target', 'Target', 'label_values(gofarm_workers_ready, target)'))
      .withVariable(choice('worker', 'Worker', 'label_values(gofarm_worker_up, worker)'))
      .annotation(
        mark(
          'Restarts',
          'orange',
          'changes(process_start_time_seconds[2m]) > 0 and on (instance) gofarm_build_info',
          'restart of {{instance}}',
        ),
      )
      .annotation(mark('Toolset changes', 'purple', 'changes(gofarm_toolset_generation[2m]) > 0', 'another toolset'))
      .link(
        new dashboard.DashboardLinkBuilder('gofarm')
          .type('dashboards')
          .tags(['gofarm'])
          .asDropdown(true)
          .includeVars(true)
          .keepTime(true),
      );
    let id = 0,
      y = 0;
    for (const [heading, list] of rows) {
      if (heading) {
        made.withRow(new dashboard.RowBuilder(heading).id(++id).gridPos({ x: 0, y, w: 24, h: 1 }));
        y += 1;
      }
      let x = 0,
        tall = 0;
      for (const placed of list) {
        if (x + placed.width > 24) {
          y += tall;
          x = 0;
          tall = 0;
        }
        made.withPanel(placed.panel.id(++id).gridPos({ x, y, w: placed.width, h: placed.height }));
        x += placed.width;
        tall = Math.max(tall, placed.height);
      }
      y += tall;
    }
    const built = made.build();
    // The SDK gives every variable the defaults of one kind, which Grafana's own type does not know in others.
    for (const variable of built.templating.list)
      for (const key of ['auto', 'auto_min', 'auto_count']) delete variable[key];
    return built;
  };

  return { stat, lines, bars, table, board };
};
