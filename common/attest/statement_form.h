// For the sources of this folder: the JSON of a statement, field by field. The fields of each object stand in the order
// of their names' bytes, which is what makes a statement one form for one value.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "common/json/fields.h"

namespace gofarm::attest::statement_form {

// Annotations of materials; SLSA asks for names of one's own with a prefix.
inline constexpr std::string_view kRole = "gofarm_role";
inline constexpr std::string_view kVersion = "gofarm_version";
inline constexpr std::string_view kReplaces = "gofarm_replaces";

using TextMap = std::map<std::string, std::string>;

struct Subject {
  TextMap annotations, digest;
  std::string name;
};

struct Material {
  TextMap annotations, digest;
  std::string name, uri;
};

struct Byproduct {
  TextMap digest;
  std::string name;
};

struct InternalParameters {
  std::vector<std::string> argv, edits, environment;
  std::string go_mod;
  int sandbox_layout = 0;
  std::string variant, worker_class, working_directory;
};

struct BuildDefinition {
  std::string build_type;
  TextMap external;
  InternalParameters internal;
  std::vector<Material> materials;
};

struct Builder {
  std::string id;
  TextMap version;
};

struct Metadata {
  absl::Time finished_on = absl::InfinitePast();
  std::string reproduced, invocation_id;
  absl::Time started_on = absl::InfinitePast();
};

struct RunDetails {
  Builder builder;
  std::vector<Byproduct> byproducts;
  Metadata metadata;
};

struct Predicate {
  BuildDefinition build;
  RunDetails run;
};

struct Statement {
  std::string type;
  Predicate predicate;
  std::string predicate_type;
  std::vector<Subject> subjects;
};

template <typename Form, json::Is<Subject> S>
void Fields(Form& form, S& s) {
  form.Field("annotations", s.annotations);
  form.Field("digest", s.digest);
  form.Field("name", s.name);
}

template <typename Form, json::Is<Material> M>
void Fields(Form& form, M& m) {
  form.Field("annotations", m.annotations);
  form.Field("digest", m.digest);
  form.Field("name", m.name);
  form.Field("uri", m.uri);
}

template <typename Form, json::Is<Byproduct> B>
void Fields(Form& form, B& b) {
  form.Field("digest", b.digest);
  form.Field("name", b.name);
}

template <typename Form, json::Is<InternalParameters> P>
void Fields(Form& form, P& p) {
  form.Field("argv", p.argv);
  form.Field("edits", p.edits);
  form.Field("environment", p.environment);
  form.Field("goMod", p.go_mod);
  form.Field("sandboxLayout", p.sandbox_layout);
  form.Field("variant", p.variant);
  form.Field("workerClass", p.worker_class);
  form.Field("workingDirectory", p.working_directory);
}

template <typename Form, json::Is<BuildDefinition> B>
void Fields(Form& form, B& b) {
  form.Field("buildType", b.build_type);
  form.Field("externalParameters", b.external);
  form.Field("internalParameters", b.internal);
  form.Field("resolvedDependencies", b.materials);
}

template <typename Form, json::Is<Builder> B>
void Fields(Form& form, B& b) {
  form.Field("id", b.id);
  form.Field("version", b.version);
}

template <typename Form, json::Is<Metadata> M>
void Fields(Form& form, M& m) {
  form.Field("finishedOn", m.finished_on);
  form.Field("gofarm_reproduced", m.reproduced);
  form.Field("invocationId", m.invocation_id);
  form.Field("startedOn", m.started_on);
}

template <typename Form, json::Is<RunDetails> R>
void Fields(Form& form, R& r) {
  form.Field("builder", r.builder);
  form.Field("byproducts", r.byproducts);
  form.Field("metadata", r.metadata);
}

template <typename Form, json::Is<Predicate> P>
void Fields(Form& form, P& p) {
  form.Field("buildDefinition", p.build);
  form.Field("runDetails", p.run);
}

template <typename Form, json::Is<Statement> S>
void Fields(Form& form, S& s) {
  form.Field("_type", s.type);
  form.Field("predicate", s.predicate);
  form.Field("predicateType", s.predicate_type);
  form.Field("subject", s.subjects);
}

}  // namespace gofarm::attest::statement_form
