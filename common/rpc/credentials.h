// How the two ends of a connection prove who they are: one value that channels are made with, and what a server's
// listeners are made with.
//
// A unix socket is plain: who may open it is decided by its folder. Whatever leaves the machine speaks TLS 1.2 or
// newer. The server shows a certificate; a client shows one when it has one, and what that is worth is decided by the
// coordinator's own code (common/pki/certificate.h): gRPC 1.51 either refuses strangers without a word they could read,
// or reports them as authenticated.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace grpc {
class AuthMetadataProcessor;
class ChannelCredentials;
class ServerCredentials;
}  // namespace grpc

namespace gofarm::rpc {

// Of a client; all in PEM. `key` and `certificate` empty: it has no identity yet.
struct ClientTls {
  std::string authorities;  // whose word it takes
  std::string server_name;  // that the server's certificate must have; addresses may change
  std::string key;
  std::string certificate;
};

class Credentials {
 public:
  static Credentials Plaintext() { return {}; }
  static Credentials Tls(ClientTls tls);
  // Encrypted, to anybody: of a joiner that has yet to learn the farm's authority. Nothing secret may go over it.
  static Credentials AnyServer();

  // INVALID_ARGUMENT for what is no address; FAILED_PRECONDITION, naming TLS, where these credentials do not protect
  // it.
  absl::Status CheckAddress(std::string_view address) const;
  std::shared_ptr<grpc::ChannelCredentials> OfChannel() const;
  // The name that the server must have, in place of its address; empty: its address.
  const std::string& server_name() const { return tls_.server_name; }

 private:
  enum class Kind { kPlaintext, kTls, kAnyServer };
  Credentials() = default;

  Kind kind_ = Kind::kPlaintext;
  ClientTls tls_;
};

// Of a server whose key.pem and cert.pem stand in `folder`; they are looked at again every kCertificateLook, and change
// together when the folder is a link that is put elsewhere. Running connections keep the certificate they began with.
inline constexpr int kCertificateLookSeconds = 3;
std::shared_ptr<grpc::ServerCredentials> TlsServer(const std::string& folder,
                                                   std::shared_ptr<grpc::AuthMetadataProcessor> processor);

}  // namespace gofarm::rpc
