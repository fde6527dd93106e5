// The JSON of the catalog's types, for writing and reading: see common/json/fields.h.
#pragma once

#include "common/catalog/types.h"
#include "common/json/fields.h"

namespace gofarm::catalog {

template <typename Form, json::Is<StageStatus> S>
void Fields(Form& form, S& s) {
  form.Field("name", s.name);
  form.Field("state", s.state);
  form.Field("done", s.done);
  form.Field("backlog", s.backlog);
  form.Field("rate", s.rate);
  form.Field("errors", s.errors);
  form.Field("eta_seconds", s.eta_seconds);
}

template <typename Form, json::Is<HostStatus> H>
void Fields(Form& form, H& h) {
  form.Field("host", h.host);
  form.Field("paused_until", h.paused_until);
  form.Field("reason", h.reason);
}

template <typename Form, json::Is<RoomForecast> R>
void Fields(Form& form, R& r) {
  form.Field("versions", r.versions);
  form.Field("bytes", r.bytes);
  form.Field("bytes_per_version", r.bytes_per_version);
  form.Field("folder", r.folder);
  form.Field("free", r.free);
  form.Field("floor", r.floor);
  form.Field("stopped", r.stopped);
  form.Field("detail", r.detail);
}

template <typename Form, json::Is<CatalogStatus> S>
void Fields(Form& form, S& s) {
  form.Field("as_of", s.as_of);
  form.Field("settled", s.settled);
  form.Field("held_up_by", s.held_up_by);
  form.Field("settings", s.settings);
  form.Field("stages", s.stages);
  form.Field("hosts", s.hosts);
  form.Field("room", s.room);
}

template <typename Form, json::Is<FunnelStep> F>
void Fields(Form& form, F& f) {
  form.Field("step", f.step);
  form.Field("count", f.count);
}

template <typename Form, json::Is<CatalogStats> S>
void Fields(Form& form, S& s) {
  form.Field("modules", s.modules);
  form.Field("versions", s.versions);
  form.Field("rejected", s.rejected);
  form.Field("stuck", s.stuck);
  form.Field("landed", s.landed);
  form.Field("bytes", s.bytes);
}

template <typename Form, json::Is<IngestResult> R>
void Fields(Form& form, R& r) {
  form.Field("lines", r.lines);
  form.Field("stored", r.stored);
  form.Field("known", r.known);
  form.Field("rejected", r.rejected);
  form.Field("seconds", r.seconds);
}

template <typename Form, json::Is<Repository> R>
void Fields(Form& form, R& r) {
  form.Field("url", r.url);
  form.Field("stars", r.stars);
  form.Field("description", r.description);
  form.Field("homepage", r.homepage);
  form.Field("license", r.license);
  form.Field("topics", r.topics);
  form.Field("archived", r.archived);
}

template <typename Form, json::Is<ReachView> R>
void Fields(Form& form, R& r) {
  form.Field("state", r.state);
  form.Field("detail", r.detail);
  form.Field("checked_at", r.checked_at);
}

template <typename Form, json::Is<ProgramView> P>
void Fields(Form& form, P& p) {
  form.Field("import_path", p.import_path);
  form.Field("declared_path", p.declared_path);
  form.Field("name", p.name);
  form.Named("targets", p.targets, TargetName, ParseTarget);
  form.Field("kind", p.kind);
}

template <typename Form, json::Is<ForecastView> F>
void Fields(Form& form, F& f) {
  form.Field("verdict", f.verdict);
  form.Field("detail", f.detail);
}

template <typename Form, json::Is<Decision> D>
void Fields(Form& form, D& d) {
  form.Field("selected", d.selected);
  form.Field("reason", d.reason);
  form.Field("at", d.at);
}

template <typename Form, json::Is<StageView> S>
void Fields(Form& form, S& s) {
  form.Field("stage", s.stage);
  form.Field("state", s.state);
  form.Field("at", s.at);
  form.Field("detail", s.detail);
}

template <typename Form, json::Is<ModuleView> M>
void Fields(Form& form, M& m) {
  form.Field("module", m.module);
  form.Field("latest", m.latest);
  form.Field("versions", m.versions);
  form.Field("first_indexed_at", m.first_indexed_at);
  form.Field("last_indexed_at", m.last_indexed_at);
  form.Field("repository", m.repository);
  form.Field("reachability", m.reachability);
  form.Field("declared_path", m.declared_path);
  form.Field("go_version", m.go_version);
  form.Field("deprecated", m.deprecated);
  form.Field("programs", m.programs);
  form.Field("forecast", m.forecast);
  form.Field("signals", m.signals);
  form.Field("origins", m.origins);
  form.Field("decision", m.decision);
  form.Field("stages", m.stages);
}

template <typename Form, json::Is<WhyStep> S>
void Fields(Form& form, S& s) {
  form.Field("stage", s.stage);
  form.Field("result", s.result);
  form.Field("detail", s.detail);
  form.Field("at", s.at);
}

template <typename Form, json::Is<WhyView> W>
void Fields(Form& form, W& w) {
  form.Field("module", w.module);
  form.Field("version", w.version);
  form.Field("steps", w.steps);
  form.Field("decision", w.decision);
}

template <typename Form, json::Is<VersionRow> V>
void Fields(Form& form, V& v) {
  form.Field("version", v.version);
  form.Field("indexed_at", v.indexed_at);
}

template <typename Form, json::Is<SearchHit> H>
void Fields(Form& form, H& h) {
  form.Field("module", h.module);
  form.Field("latest", h.latest);
  form.Field("synopsis", h.synopsis);
  form.Field("programs", h.programs);
  form.Field("stars", h.stars);
  form.Field("demand", h.demand);
}

template <typename Form, json::Is<SelectionResult> R>
void Fields(Form& form, R& r) {
  form.Field("batch_id", r.batch_id);
  form.Field("modules", r.modules);
  form.Field("waiting", r.waiting);
  form.Field("submitted", r.submitted);
  form.Field("left_out", r.left_out);
  form.Field("jobs", r.jobs);
  form.Field("considered", r.considered);
  form.Field("reasons", r.reasons);
}

template <typename Form, json::Is<UpdateRow> U>
void Fields(Form& form, U& u) {
  form.Field("module", u.module);
  form.Field("published", u.published);
  form.Field("version", u.version);
  form.Field("state", u.state);
  form.Field("reason", u.reason);
  form.Field("until", u.until);
  form.Named("targets", u.targets, TargetName, ParseTarget);
}

template <typename Form, json::Is<QueuedUpdate> Q>
void Fields(Form& form, Q& q) {
  form.Field("module", q.module);
  form.Field("version", q.version);
  form.Named("targets", q.targets, TargetName, ParseTarget);
  form.Field("batch_id", q.batch_id);
  form.Field("detail", q.detail);
  form.Field("queued_at", q.queued_at);
}

template <typename Form, json::Is<RetractedView> R>
void Fields(Form& form, R& r) {
  form.Field("module", r.module);
  form.Field("version", r.version);
  form.Field("reason", r.reason);
}

template <typename Form, json::Is<UpdatesView> V>
void Fields(Form& form, V& v) {
  form.Field("on", v.on);
  form.Field("running", v.running);
  form.Field("delay_seconds", v.delay_seconds);
  form.Field("prereleases", v.prereleases);
  form.Field("per_day", v.per_day);
  form.Field("used_today", v.used_today);
  form.Field("left_today", v.left_today);
  form.Field("waiting_total", v.waiting_total);
  form.Field("waiting", v.waiting);
  form.Field("queued", v.queued);
  form.Field("retracted", v.retracted);
}

template <typename Form, json::Is<ImportResult> R>
void Fields(Form& form, R& r) {
  form.Field("origin", r.origin);
  form.Field("items", r.items);
  form.Field("modules", r.modules);
  form.Field("repositories", r.repositories);
  form.Field("skipped", r.skipped);
  form.Field("searches", r.searches);
  form.Field("complete", r.complete);
  form.Field("detail", r.detail);
}

template <typename Form, json::Is<VerdictCheck> C>
void Fields(Form& form, C& c) {
  form.Field("verdict", c.verdict);
  form.Field("forecast", c.forecast);
  form.Field("right", c.right);
  form.Field("outcomes", c.outcomes);
  form.Field("precision", c.precision);
  form.Field("recall", c.recall);
}

}  // namespace gofarm::catalog
