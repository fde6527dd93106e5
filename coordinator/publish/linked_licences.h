// What the licence files of an attempt say of one of its executables: which texts belong to it, and whether it may be
// published under them. Pure, but for what was detected before, which is kept. Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "common/licences/corpus.h"
#include "common/licences/detect.h"
#include "common/licences/document.h"
#include "common/licences/policy.h"
#include "common/vocab/report.h"

namespace gofarm::publish {

inline constexpr size_t kDetectionsKept = 20'000;

class LinkedLicences {
 public:
  // `corpus` must outlive it.
  LinkedLicences(const licences::Corpus& corpus, licences::Policy policy)
      : corpus_(corpus), policy_(std::move(policy)) {}

  // Of the executable: its main module, the modules of its dependencies, and what the toolchains bring.
  licences::Decision Decide(const licences::LicenceDocument& document, const AttemptReport& report,
                            const Executable& executable) const;

 private:
  std::shared_ptr<const licences::Detection> Detected(const std::string& text) const;
  licences::ModuleFinding FindingOf(const licences::LicenceDocument& document, const licences::LicenceModule& module,
                                    licences::Role role) const;

  const licences::Corpus& corpus_;
  const licences::Policy policy_;
  mutable absl::Mutex mutex_;
  // By the text's SHA-256: the same few texts are in nearly all programs.
  mutable absl::flat_hash_map<std::string, std::shared_ptr<const licences::Detection>> detections_
      ABSL_GUARDED_BY(mutex_);
};

// The modules of the document that are linked into the executable: main, dependencies, toolchains.
std::vector<const licences::LicenceModule*> LinkedModules(const licences::LicenceDocument& document,
                                                          const AttemptReport& report, const Executable& executable);

// The texts of these, each under a line that says whose it is.
std::string LicenceTexts(const licences::LicenceDocument& document,
                         const std::vector<const licences::LicenceModule*>& modules);

// The main module's own; empty: it has none.
std::string OwnLicence(const licences::LicenceDocument& document);

}  // namespace gofarm::publish
