#include "common/rpc/credentials.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/security/auth_metadata_processor.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <utility>

#include "common/rpc/channel.h"

namespace gofarm::rpc {

Credentials Credentials::Tls(ClientTls tls) {
  Credentials credentials;
  credentials.kind_ = Kind::kTls;
  credentials.tls_ = std::move(tls);
  return credentials;
}

Credentials Credentials::AnyServer() {
  Credentials credentials;
  credentials.kind_ = Kind::kAnyServer;
  return credentials;
}

absl::Status Credentials::CheckAddress(std::string_view address) const {
  return kind_ == Kind::kPlaintext ? CheckLocalAddress(address) : CheckTcpAddress(address);
}

std::shared_ptr<grpc::ChannelCredentials> Credentials::OfChannel() const {
  switch (kind_) {
    case Kind::kTls:
      return grpc::SslCredentials(
          {.pem_root_certs = tls_.authorities, .pem_private_key = tls_.key, .pem_cert_chain = tls_.certificate});
    case Kind::kAnyServer: {
      grpc::experimental::TlsChannelCredentialsOptions options;
      options.set_verify_server_certs(false);
      options.set_check_call_host(false);
      options.set_certificate_verifier(std::make_shared<grpc::experimental::NoOpCertificateVerifier>());
      return grpc::experimental::TlsCredentials(options);
    }
    case Kind::kPlaintext:
      break;
  }
  return grpc::InsecureChannelCredentials();
}

std::shared_ptr<grpc::ServerCredentials> TlsServer(const std::string& folder,
                                                   std::shared_ptr<grpc::AuthMetadataProcessor> processor) {
  grpc::experimental::TlsServerCredentialsOptions options(
      std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(folder + "/key.pem", folder + "/cert.pem",
                                                                           kCertificateLookSeconds));
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_BUT_DONT_VERIFY);
  std::shared_ptr<grpc::ServerCredentials> credentials = grpc::experimental::TlsServerCredentials(options);
  if (credentials != nullptr && processor != nullptr) credentials->SetAuthMetadataProcessor(std::move(processor));
  return credentials;
}

}  // namespace gofarm::rpc
