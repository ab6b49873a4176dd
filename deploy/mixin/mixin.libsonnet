// The alerts, recording rules and dashboards of this deployment as a Prometheus mixin, for tools that install mixins.
// They are those of ../prometheus and ../grafana; change them there. Install the folder `deploy` as a whole:
//
//   jb install github.com/OWNER/tocsin/deploy@main
//   (import 'github.com/OWNER/tocsin/deploy/mixin/mixin.libsonnet') + { _config+:: { runbookURLPrefix: 'https://...' } }
local shippedRunbooks = '{{ $externalURL }}/user/';

{
  _config+:: {
    // Select the workers, the consoles, the adapters and the intakes. The alerts group by `job`, so it must stay a label.
    tocsinSelector: 'job="tocsin"',
    tocsinConsoleSelector: 'job="tocsin-console"',
    tocsinAdapterSelector: 'job="tocsin-adapter"',
    tocsinIntakeSelector: 'job="tocsin-intake"',
    // Before `docs/runbooks/NAME.md` and `/d/UID`: where these are on your servers. Prometheus itself shows runbooks if
    // --web.user-assets names the folder that holds `docs`.
    runbookURLPrefix: shippedRunbooks,
    dashboardURLPrefix: '',
    dashboardTags: ['tocsin'],
  },

  local config = $._config,
  local groups = std.parseYaml(importstr '../prometheus/rules/tocsin.yaml').groups,
  local isRecording(group) = std.objectHas(group.rules[0], 'record'),

  local configured(rule) = rule {
    expr: std.foldl(
      function(expression, each) std.strReplace(expression, 'job="%s"' % each.job, each.selector),
      [
        { job: 'tocsin', selector: config.tocsinSelector },
        { job: 'tocsin-console', selector: config.tocsinConsoleSelector },
        { job: 'tocsin-adapter', selector: config.tocsinAdapterSelector },
        { job: 'tocsin-intake', selector: config.tocsinIntakeSelector },
      ],
      super.expr,
    ),
    [if std.objectHas(rule, 'annotations') then 'annotations']+: {
      runbook_url: std.strReplace(super.runbook_url, shippedRunbooks, config.runbookURLPrefix),
      dashboard_url: config.dashboardURLPrefix + super.dashboard_url,
    },
  },
  local configuredGroups(chosen) = [
    group { rules: std.map(configured, super.rules) }
    for group in chosen
  ],

  prometheusRules+:: { groups+: configuredGroups(std.filter(isRecording, groups)) },
  prometheusAlerts+:: { groups+: configuredGroups([group for group in groups if !isRecording(group)]) },
  grafanaDashboards+:: {
    [dashboard.uid + '.json']: dashboard {
      tags: config.dashboardTags,
      links: [link { tags: config.dashboardTags } for link in super.links],
    }
    for dashboard in [
      import '../grafana/dashboards/overview.json',
      import '../grafana/dashboards/partitions.json',
      import '../grafana/dashboards/decisions.json',
      import '../grafana/dashboards/dead-letters.json',
    ]
  },
}
