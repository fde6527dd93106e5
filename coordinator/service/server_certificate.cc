#include "coordinator/service/server_certificate.h"

#include <utility>

#include "absl/strings/str_join.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/obs/log.h"
#include "common/pki/certificate.h"
#include "common/pki/key.h"
#include "common/pki/key_folder.h"

namespace gofarm::service {
namespace {

constexpr size_t kPemFileMax = 64 << 10;

absl::StatusOr<ServerTrust> TakeOutside(const ServerCertificateOptions& options, absl::Time now) {
  const OutsideCertificate& files = options.outside;
  GOFARM_ASSIGN_OR_RETURN_CTX(const std::string chain, io::ReadFile(files.certificate, kPemFileMax), "tls_certificate");
  GOFARM_ASSIGN_OR_RETURN_CTX(const std::string key, io::ReadFile(files.key, kPemFileMax), "tls_key");
  GOFARM_ASSIGN_OR_RETURN_CTX(std::string authorities, io::ReadFile(files.authorities, kPemFileMax), "tls_authorities");
  GOFARM_ASSIGN_OR_RETURN_CTX(const pki::OutsideServer server,
                              pki::CheckOutsideServer(chain, key, authorities, options.names, now),
                              Cat(files.certificate, ", ", files.key, ", ", files.authorities));
  GOFARM_ASSIGN_OR_RETURN(std::string root_sha256, pki::Fingerprint(server.root));
  const bool shown = pki::ReadKeyFile(options.folder, pki::kCertificateFile).value_or("") == chain &&
                     pki::ReadKeyFile(options.folder, pki::kKeyFile).value_or("") == key;
  if (!shown) {
    obs::Info("server_certificate_taken",
              {{"file", files.certificate}, {"until", absl::FormatTime(server.not_after, absl::UTCTimeZone())}});
    GOFARM_RETURN_IF_ERROR(pki::ReplaceFiles(options.folder, {{pki::kKeyFile, key}, {pki::kCertificateFile, chain}}));
  }
  return ServerTrust{.authorities = std::move(authorities), .authority_sha256 = std::move(root_sha256)};
}

absl::Status MakeOwn(const ServerCertificateOptions& options, const std::string& farm_id, const pki::Authority& issuer,
                     absl::Time now) {
  std::vector<std::string> names = {pki::ServerName(farm_id)};
  names.insert(names.end(), options.names.begin(), options.names.end());
  if (const absl::StatusOr<std::string> pem = pki::ReadKeyFile(options.folder, pki::kCertificateFile); pem.ok()) {
    const absl::StatusOr<pki::Certificate> seen = pki::Verify(*pem, issuer.certificate, pki::Use::kServer, now);
    if (seen.ok() && seen->names == names && seen->not_after - now > pki::kServerLife / 3) return absl::OkStatus();
  }
  GOFARM_ASSIGN_OR_RETURN(const std::string key, pki::NewKey());
  GOFARM_ASSIGN_OR_RETURN(const std::string certificate, pki::IssueServer(issuer, key, farm_id, options.names, now));
  obs::Info("server_certificate_made", {{"names", absl::StrJoin(names, ",")}});
  return pki::ReplaceFiles(options.folder, {{pki::kKeyFile, key}, {pki::kCertificateFile, certificate}});
}

}  // namespace

absl::StatusOr<ServerTrust> KeepServerCertificate(const ServerCertificateOptions& options, const std::string& farm_id,
                                                  const FarmAuthorities& authorities, absl::Time now) {
  if (!options.outside.empty()) return TakeOutside(options, now);
  const pki::Authority& issuer = authorities.OfServer();
  GOFARM_RETURN_IF_ERROR(MakeOwn(options, farm_id, issuer, now));
  GOFARM_ASSIGN_OR_RETURN(std::string sha256, pki::Fingerprint(issuer.certificate));
  return ServerTrust{.authorities = authorities.Bundle(), .authority_sha256 = std::move(sha256)};
}

}  // namespace gofarm::service
