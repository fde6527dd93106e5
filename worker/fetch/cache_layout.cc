#include "worker/fetch/cache_layout.h"

namespace gofarm::fetch {

ProxyEnvironment FilledUp(ProxyEnvironment configured, const ProxyEnvironment& otherwise) {
  for (const auto value : {&ProxyEnvironment::goproxy, &ProxyEnvironment::gosumdb, &ProxyEnvironment::gonosumdb,
                           &ProxyEnvironment::goprivate}) {
    if ((configured.*value).empty()) configured.*value = otherwise.*value;
  }
  return configured;
}

std::string WithoutDirect(std::string_view goproxy) {
  std::string kept;
  char before = 0;  // the separator that stands before the next element
  while (!goproxy.empty()) {
    const size_t end = goproxy.find_first_of(",|");
    std::string_view element = goproxy.substr(0, end);
    while (!element.empty() && element.front() == ' ') element.remove_prefix(1);
    while (!element.empty() && element.back() == ' ') element.remove_suffix(1);
    if (!element.empty() && element != "direct") {
      if (!kept.empty()) kept += before == 0 ? ',' : before;
      kept += element;
      // What follows is asked under the rule of the separator right behind this element.
      before = end == std::string_view::npos ? 0 : goproxy[end];
    } else if (end != std::string_view::npos && before == 0) {
      before = goproxy[end];
    }
    if (end == std::string_view::npos) break;
    goproxy.remove_prefix(end + 1);
  }
  return kept.empty() ? "off" : kept;
}

}  // namespace gofarm::fetch
