#pragma once
// Certificates and keys as PEM texts (RFC 7468), and whose they are (RFC 5280, RFC 5922). OpenSSL's libcrypto, wrapped.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "platform/base/time.h"
#include "platform/os/result.h"

struct x509_st;
struct evp_pkey_st;

namespace sallyport::x509 {

struct FreeCertificate {
    void operator()(x509_st* certificate) const;
};
struct FreeKey {
    void operator()(evp_pkey_st* key) const;
};
using Certificate = std::unique_ptr<x509_st, FreeCertificate>;
using Key = std::unique_ptr<evp_pkey_st, FreeKey>;

// Those of a text, in its order; what else stands there is left out. An error says why there is none.
os::Result<std::vector<Certificate>> read_certificates(const std::string& pem);
// Without a password.
os::Result<Key> read_key(const std::string& pem);
bool belongs(const Certificate& certificate, const Key& key);

struct CertificateInfo {
    std::string subject;
    std::string issuer;
    std::vector<std::string> names;  // "DNS:gate.example", "URI:sip:example.com"
    WallTime not_before{};
    WallTime not_after{};
};
CertificateInfo info_of(const x509_st* certificate);

// RFC 5922 §7: a SIP URI or DNS name among the alternative names, else the common name; ASCII case does not count.
// `*.example.com` is a name only if `wildcards`. An address is one only as an alternative name.
bool certificate_is(const x509_st* certificate, std::string_view name, bool wildcards);

// The oldest of what OpenSSL has to say; nothing is left for the next.
std::string openssl_error();

}  // namespace sallyport::x509
