// The secret of a worker's session: Welcome gives it, every call of the worker carries it in its metadata, until
// certificates carry it.
#pragma once

#include <cstddef>
#include <string>

namespace grpc {
class ClientContext;
class ServerContextBase;
}  // namespace grpc

namespace gofarm::rpc {

inline constexpr size_t kSessionSecretBytes = 32;

// Random bytes of the system.
std::string NewSessionSecret();
// Before the call begins; nothing when it is empty.
void AttachSessionSecret(grpc::ClientContext& context, const std::string& secret);
// Of the call that came in; empty: it carries none, or something of another size.
std::string SessionSecretOf(const grpc::ServerContextBase& context);

}  // namespace gofarm::rpc
