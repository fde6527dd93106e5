// The workers that a Prometheus can scrape itself, as its file-based service discovery reads them (file_sd_config: a
// list of {"targets": [...], "labels": {...}}). Pure.
#pragma once

#include <string>

namespace gofarm::v1 {
class WorkerPage;
}

namespace gofarm::cli {

// Of workers that are there and say where their own /metrics is reached; "[]" and a line's end when none does.
std::string ScrapeTargets(const v1::WorkerPage& page);

}  // namespace gofarm::cli
