#include "common/rpc/session_secret.h"

#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include "common/base/check.h"

namespace gofarm::rpc {
namespace {

constexpr char kKey[] = "gofarm-session-secret-bin";  // "-bin": gRPC takes any bytes

}  // namespace

std::string NewSessionSecret() {
  std::string secret(kSessionSecretBytes, '\0');
  GOFARM_CHECK(::getentropy(secret.data(), secret.size()) == 0);
  return secret;
}

void AttachSessionSecret(grpc::ClientContext& context, const std::string& secret) {
  if (!secret.empty()) context.AddMetadata(kKey, secret);
}

std::string SessionSecretOf(const grpc::ServerContextBase& context) {
  const auto& metadata = context.client_metadata();
  const auto found = metadata.find(kKey);
  if (found == metadata.end() || found->second.size() != kSessionSecretBytes) return "";
  return {found->second.data(), found->second.size()};
}

}  // namespace gofarm::rpc
