#include "worker/fetch/cache_layout.h"

namespace gofarm::fetch {

ProxyEnvironment FilledUp(ProxyEnvironment configured, const ProxyEnvironment& otherwise) {
  if (configured.goproxy.empty()) configured.goproxy = otherwise.goproxy;
  for (const auto value : {&ProxyEnvironment::gosumdb, &ProxyEnvironment::gonosumdb, &ProxyEnvironment::goprivate}) {
    if ((configured.*value).empty()) configured.*value = otherwise.*value;
  }
  return configured;
}

}  // namespace gofarm::fetch
