#include "common/pki/certificate.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <time.h>

#include <algorithm>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/pki/openssl.h"

namespace gofarm::pki {
namespace {

using OwnedStore = Owned<X509_STORE, X509_STORE_free>;
using OwnedStoreContext = Owned<X509_STORE_CTX, X509_STORE_CTX_free>;
using OwnedNames = Owned<GENERAL_NAMES, GENERAL_NAMES_free>;

constexpr std::string_view kScheme = "gofarm://";
constexpr int kNamesMax = 64;
constexpr size_t kNamesShown = 300;

void FreeStack(STACK_OF(X509) * stack) { sk_X509_pop_free(stack, X509_free); }
using OwnedStack = Owned<STACK_OF(X509), FreeStack>;

std::string_view TextOf(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)), static_cast<size_t>(ASN1_STRING_length(text))};
}

absl::StatusOr<absl::Time> TimeOf(const ASN1_TIME* time) {
  struct tm fields {};
  if (ASN1_TIME_to_tm(time, &fields) != 1) return absl::InvalidArgumentError("a certificate with a date that is none");
  return absl::FromTimeT(::timegm(&fields));
}

std::optional<Subject> SubjectOf(std::string_view uri) {
  if (uri.substr(0, kScheme.size()) != kScheme) return std::nullopt;
  const std::vector<std::string> parts = absl::StrSplit(Av(uri.substr(kScheme.size())), '/');
  Subject subject;
  if (parts.size() != 4 || parts[0].empty() || parts[3].empty()) return std::nullopt;
  if (!absl::SimpleAtoi(parts[2], &subject.identity) || subject.identity <= 0) return std::nullopt;
  for (const Role role : {Role::kWorker, Role::kViewer, Role::kOperator, Role::kAdmin}) {
    if (parts[1] == Name(role)) subject.role = role;
  }
  if (subject.role == Role::kNone) return std::nullopt;
  subject.farm = parts[0];
  subject.name = parts[3];
  return subject;
}

std::string AddressOf(const ASN1_OCTET_STRING* bytes) {
  char text[INET6_ADDRSTRLEN] = "";
  const std::string_view raw = TextOf(bytes);
  const int family = raw.size() == 4 ? AF_INET : AF_INET6;
  if (raw.size() != 4 && raw.size() != 16) return "";
  return ::inet_ntop(family, raw.data(), text, sizeof text) == nullptr ? "" : text;
}

absl::StatusOr<Certificate> FactsOf(X509* x509) {
  Certificate facts;
  absl::StatusOr<absl::Time> from = TimeOf(X509_get0_notBefore(x509)), to = TimeOf(X509_get0_notAfter(x509));
  if (!from.ok()) return from.status();
  if (!to.ok()) return to.status();
  facts.not_before = *from;
  facts.not_after = *to;
  if (EVP_PKEY* const key = X509_get0_pubkey(x509)) facts.key_digest = DigestOfKey(key);
  const OwnedNames names(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(x509, NID_subject_alt_name, nullptr, nullptr)));
  ERR_clear_error();
  const int count = names == nullptr ? 0 : sk_GENERAL_NAME_num(names.get());
  if (count > kNamesMax) return absl::InvalidArgumentError(Cat("a certificate with ", count, " names"));
  for (int i = 0; i < count; ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
    switch (name->type) {
      case GEN_DNS:
        facts.names.emplace_back(TextOf(name->d.dNSName));
        break;
      case GEN_IPADD:
        facts.names.push_back(AddressOf(name->d.iPAddress));
        break;
      case GEN_URI: {
        const std::optional<Subject> subject = SubjectOf(TextOf(name->d.uniformResourceIdentifier));
        if (!subject || facts.subject.identity != 0) {
          return absl::InvalidArgumentError("a certificate that is for no identity of a gofarm");
        }
        facts.subject = *subject;
        break;
      }
      default:
        break;
    }
  }
  return facts;
}

// Of the authorities whose word counts.
absl::StatusOr<OwnedStore> StoreOf(std::string_view authorities_pem) {
  OwnedStore store(X509_STORE_new());
  if (store == nullptr) return OpensslError("verify a certificate");
  absl::StatusOr<std::vector<std::string>> all = SplitCertificates(authorities_pem);
  if (!all.ok()) return all.status();
  for (const std::string& one : *all) {
    if (X509_STORE_add_cert(store.get(), ParseCertificate(one).get()) != 1) {
      return OpensslError("take an authority's certificate");
    }
  }
  return store;
}

std::string Stamp(absl::Time time) { return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", time, absl::UTCTimeZone()); }

}  // namespace

std::string ServerName(std::string_view farm) { return Cat(farm, ".gofarm.internal"); }

absl::StatusOr<Certificate> ReadCertificate(std::string_view cert_pem) {
  const OwnedCertificate x509 = ParseCertificate(cert_pem);
  if (x509 == nullptr) return absl::InvalidArgumentError("this is no certificate in PEM");
  return FactsOf(x509.get());
}

absl::StatusOr<std::string> Fingerprint(std::string_view cert_pem) {
  const OwnedCertificate x509 = ParseCertificate(cert_pem);
  unsigned char* der = nullptr;
  const int size = x509 == nullptr ? 0 : i2d_X509(x509.get(), &der);
  if (size <= 0) return absl::InvalidArgumentError("this is no certificate in PEM");
  std::string digest = digest::Sha256Hex({reinterpret_cast<const char*>(der), static_cast<size_t>(size)});
  OPENSSL_free(der);
  return digest;
}

absl::StatusOr<std::vector<std::string>> SplitCertificates(std::string_view pem) {
  const OwnedBio in = Reader(pem);
  std::vector<std::string> all;
  while (in != nullptr) {
    const OwnedCertificate x509(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr));
    if (x509 == nullptr) break;
    const OwnedBio out = Writer();
    if (out == nullptr || PEM_write_bio_X509(out.get(), x509.get()) != 1) return OpensslError("write a certificate");
    all.push_back(Written(out));
    if (static_cast<int>(all.size()) > kAuthoritiesMax) {
      return absl::InvalidArgumentError(Cat("more than ", kAuthoritiesMax, " certificates in one bundle"));
    }
  }
  ERR_clear_error();
  if (all.empty()) return absl::InvalidArgumentError("this is no certificate in PEM");
  return all;
}

absl::StatusOr<std::string> CertificateWith(std::string_view fingerprint, std::string_view pem) {
  const absl::StatusOr<std::vector<std::string>> all = SplitCertificates(pem);
  for (const std::string& one : all.value_or(std::vector<std::string>())) {
    if (Fingerprint(one).value_or("") == fingerprint) return one;
  }
  return absl::NotFoundError(Cat("no certificate with the SHA-256 ", EscapeAndClip(fingerprint, 64)));
}

absl::StatusOr<std::string> FarmOfAuthority(std::string_view cert_pem) {
  const OwnedCertificate x509 = ParseCertificate(cert_pem);
  char name[256] = "";
  const int size =
      x509 == nullptr ? -1
                      : X509_NAME_get_text_by_NID(X509_get_subject_name(x509.get()), NID_commonName, name, sizeof name);
  const std::string_view text(name, size < 0 ? 0 : static_cast<size_t>(size));
  if (text.size() <= kAuthorityName.size() || text.substr(0, kAuthorityName.size()) != kAuthorityName) {
    return absl::InvalidArgumentError("this is no certificate of a farm's authority");
  }
  return std::string(text.substr(kAuthorityName.size()));
}

absl::Status CheckDates(const Certificate& certificate, std::string_view what, absl::Time now) {
  if (now < certificate.not_before - kSkewMax) {
    return absl::UnauthenticatedError(Cat(what, " is valid from ", Stamp(certificate.not_before),
                                          " on, and here it is ", Stamp(now), ": set the clocks of both hosts"));
  }
  if (now > certificate.not_after + kSkewMax) {
    return absl::UnauthenticatedError(
        Cat(what, " ran out at ", Stamp(certificate.not_after), ", and here it is ", Stamp(now)));
  }
  return absl::OkStatus();
}

absl::StatusOr<OutsideServer> CheckOutsideServer(std::string_view chain_pem, std::string_view key_pem,
                                                 std::string_view authorities_pem,
                                                 const std::vector<std::string>& names, absl::Time now) {
  const absl::StatusOr<std::vector<std::string>> chain = SplitCertificates(chain_pem);
  if (!chain.ok()) return absl::FailedPreconditionError(Cat("the certificate: ", Sv(chain.status().message())));
  const absl::StatusOr<OwnedStore> store = StoreOf(authorities_pem);
  if (!store.ok()) return absl::FailedPreconditionError(Cat("the authorities: ", Sv(store.status().message())));
  const OwnedCertificate x509 = ParseCertificate(chain->front());
  const OwnedKey key = ParseKey(key_pem);
  if (key == nullptr || X509_check_private_key(x509.get(), key.get()) != 1) {
    ERR_clear_error();
    return absl::FailedPreconditionError("the key is not that of the certificate");
  }
  const OwnedStack between(sk_X509_new_null());
  const OwnedStoreContext context(X509_STORE_CTX_new());
  if (between == nullptr || context == nullptr) return OpensslError("verify a chain");
  for (size_t i = 1; i < chain->size(); ++i) {
    OwnedCertificate one = ParseCertificate((*chain)[i]);
    if (sk_X509_push(between.get(), one.get()) <= 0) return OpensslError("verify a chain");
    one.release();
  }
  if (X509_STORE_CTX_init(context.get(), store->get(), x509.get(), between.get()) != 1) {
    return OpensslError("verify a chain");
  }
  X509_STORE_CTX_set_purpose(context.get(), X509_PURPOSE_SSL_SERVER);
  X509_STORE_CTX_set_time(context.get(), 0, absl::ToTimeT(now));
  if (X509_verify_cert(context.get()) != 1) {
    const int error = X509_STORE_CTX_get_error(context.get());
    ERR_clear_error();
    return absl::FailedPreconditionError(
        Cat("the certificate is not good by the authorities: ", X509_verify_cert_error_string(error)));
  }
  const auto stands = [&](const std::string& name) {
    return IsIpAddress(name) ? X509_check_ip_asc(x509.get(), name.c_str(), 0) == 1
                             : X509_check_host(x509.get(), name.c_str(), name.size(), 0, nullptr) == 1;
  };
  if (std::none_of(names.begin(), names.end(), stands)) {
    return absl::FailedPreconditionError(Cat("none of the names by which other hosts reach this one stands in the ",
                                             "certificate: ", EscapeAndClip(absl::StrJoin(names, ", "), kNamesShown)));
  }
  const STACK_OF(X509)* const verified = X509_STORE_CTX_get0_chain(context.get());
  const OwnedBio out = Writer();
  if (out == nullptr || PEM_write_bio_X509(out.get(), sk_X509_value(verified, sk_X509_num(verified) - 1)) != 1) {
    return OpensslError("write a certificate");
  }
  GOFARM_ASSIGN_OR_RETURN(const absl::Time not_after, TimeOf(X509_get0_notAfter(x509.get())));
  return OutsideServer{.root = Written(out), .not_after = not_after};
}

absl::StatusOr<Certificate> Verify(std::string_view cert_pem, std::string_view authorities_pem, Use use,
                                   absl::Time now) {
  const OwnedCertificate x509 = ParseCertificate(cert_pem);
  if (x509 == nullptr) return absl::UnauthenticatedError("what was shown is no certificate");
  const absl::StatusOr<OwnedStore> store = StoreOf(authorities_pem);
  if (!store.ok()) return absl::UnauthenticatedError(Cat("nobody's word to take: ", Sv(store.status().message())));
  const OwnedStoreContext context(X509_STORE_CTX_new());
  if (context == nullptr || X509_STORE_CTX_init(context.get(), store->get(), x509.get(), nullptr) != 1) {
    return OpensslError("verify a certificate");
  }
  X509_STORE_CTX_set_purpose(context.get(), use == Use::kClient ? X509_PURPOSE_SSL_CLIENT : X509_PURPOSE_SSL_SERVER);
  X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_NO_CHECK_TIME | X509_V_FLAG_X509_STRICT);
  if (X509_verify_cert(context.get()) != 1) {
    const int error = X509_STORE_CTX_get_error(context.get());
    ERR_clear_error();
    return absl::UnauthenticatedError(
        Cat("a certificate that is not of this farm's authority: ", X509_verify_cert_error_string(error)));
  }
  absl::StatusOr<Certificate> facts = FactsOf(x509.get());
  if (!facts.ok()) return absl::UnauthenticatedError(facts.status().message());
  const std::string what = use == Use::kServer ? "the server's certificate"
                                               : Cat("the certificate of ", EscapeForPrint(facts->subject.name));
  if (absl::Status dates = CheckDates(*facts, what, now); !dates.ok()) return dates;
  return facts;
}

}  // namespace gofarm::pki
