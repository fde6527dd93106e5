#include "cli/names.h"

#include "common/base/status_macros.h"
#include "common/base/text.h"

namespace gofarm::cli {

BatchView ViewOf(const v1::Batch& batch) {
  const v1::JobCounts& jobs = batch.jobs();
  return {.id = batch.id(),
          .name = batch.name(),
          .queued = jobs.queued(),
          .running = jobs.running(),
          .built = jobs.built(),
          .partial = jobs.partial(),
          .nothing_to_build = jobs.nothing_to_build(),
          .failed = jobs.failed(),
          .cancelled = jobs.cancelled(),
          .executables = batch.executables()};
}

RunningView ViewOf(const v1::RunningJob& running) {
  const v1::Progress& progress = running.progress();
  return {.job = running.job_id(),
          .what = Cat(running.module(), "@", running.version()),
          .target = std::string(NameOf(running.target())),
          .phase = std::string(NameOf(progress.phase())),
          .variant = progress.variant(),
          .detail = progress.detail(),
          .bytes_done = progress.bytes_done(),
          .bytes_total = progress.bytes_total(),
          .seconds = running.seconds()};
}

bool AllGood(const v1::JobCounts& jobs) { return jobs.built() + jobs.nothing_to_build() == Total(jobs); }

absl::StatusOr<absl::Duration> DurationOf(std::string_view option, std::string_view text) {
  absl::Duration duration;
  if (absl::ParseDuration(Av(text), &duration) && duration > absl::ZeroDuration()) return duration;
  return absl::InvalidArgumentError(
      Cat(option, ": \"", EscapeForPrint(text), "\" is no length of time; write 90s, 30m or 72h"));
}

absl::StatusOr<gomod::ModuleSpec> NamedVersion(const std::string& text) {
  GOFARM_ASSIGN_OR_RETURN(gomod::ModuleSpec spec, gomod::ParseModuleSpec(text));
  if (text.find('@') != std::string::npos && (spec.version.empty() || spec.version == "latest")) {
    return absl::InvalidArgumentError(Cat("\"", EscapeForPrint(text), "\": name the version itself, or none for all"));
  }
  return spec;
}

}  // namespace gofarm::cli
