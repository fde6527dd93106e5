// The JSON documents that stand in the stages' tables, as types. Reading is lenient: a document of another version of
// the coordinator is still shown.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/catalog/fields.h"

namespace gofarm::catalog {

// What is read of catalog_detections.document, which is a godetect::Detection.
struct DetectionDocument {
  std::string go_version;  // the go line of go.mod
  std::vector<ProgramView> programs;
  std::map<std::string, ForecastView> forecast;  // by target
};

template <typename Form, json::Is<DetectionDocument> D>
void Fields(Form& form, D& d) {
  form.Field("go_version", d.go_version);
  form.Field("programs", d.programs);
  form.Field("forecast", d.forecast);
}

// catalog_enrichment.document.
struct EnrichmentDocument {
  Repository repository;
  std::vector<std::string> topics;
  std::vector<std::string> main_packages;      // that pkg.go.dev knows
  std::map<std::string, std::string> said_by;  // fact -> service
  // The repository as it was called before GitHub was asked about it, and who called it so.
  std::string named;
  std::string named_by;
};

template <typename Form, json::Is<EnrichmentDocument> D>
void Fields(Form& form, D& d) {
  form.Field("repository", d.repository);
  form.Field("topics", d.topics);
  form.Field("main_packages", d.main_packages);
  form.Field("said_by", d.said_by);
  form.Field("named", d.named);
  form.Field("named_by", d.named_by);
}

}  // namespace gofarm::catalog
