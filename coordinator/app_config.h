// The coordinator's configuration: flags over environment over file, checked whole before anything is opened.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/goproxy/list.h"
#include "common/goproxy/settings.h"
#include "common/obs/log.h"
#include "common/vocab/toolset.h"
#include "coordinator/catalog/config.h"
#include "coordinator/http_auth.h"
#include "coordinator/publish/config.h"
#include "coordinator/service/dispatch_loop.h"
#include "coordinator/service/server_certificate.h"
#include "coordinator/webhook/config.h"

namespace gofarm::coordinator {

// As given on the command line; empty: not given.
struct Flags {
  std::string config;
  std::string listen;
  std::string http;
  std::string dir;
  std::string log_level;
};

struct AppConfig {
  std::vector<std::string> listen;        // unix:/PATH or HOST:PORT
  std::vector<std::string> public_names;  // by which other hosts reach this one
  std::string http;                       // plain, of this machine; empty: no listener
  std::string http_tls;                   // for others; empty: none
  HttpAuth http_auth;
  service::OutsideCertificate tls;  // of the server; empty: the farm's own authority signs it
  std::string database_url;
  std::string data_dir;
  std::vector<Toolset> toolsets;   // digests filled in
  std::vector<Archive> bootstrap;  // a first Go for workers that have none
  Toolset default_toolset;
  goproxy::List goproxy;
  std::string goprivate;
  goproxy::Settings go;  // what workers that have none are given
  BuildLimits limits;
  catalog::Config catalog;
  publish::Config publish;
  webhook::Config webhooks;
  std::string file;  // of the configuration; empty: none
  obs::Level log_level = obs::Level::kInfo;
};

// All faults at once, one a line, those of the file with its name and line.
absl::StatusOr<AppConfig> LoadAppConfig(const Flags& flags);

}  // namespace gofarm::coordinator
