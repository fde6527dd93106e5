// Who may ask the HTTP listener that others reach: whoever shows a certificate of this farm, whoever knows a word that
// stands in a file, or, said aloud in the configuration, anybody.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/http/http_server.h"
#include "coordinator/service/identity_service.h"

namespace gofarm::coordinator {

struct HttpAuth {
  enum class Kind { kCertificate, kToken, kNone };
  Kind kind = Kind::kCertificate;
  std::string token_file;  // read for each request, so that it may change
};

// "certificate", "token:/PATH" or "none". INVALID_ARGUMENT otherwise.
absl::StatusOr<HttpAuth> ParseHttpAuth(std::string_view text);

// `identities` must outlive what comes back; null only where it takes no certificate.
http::Authorize MakeAuthorize(const HttpAuth& auth, service::IdentityService* identities);

}  // namespace gofarm::coordinator
