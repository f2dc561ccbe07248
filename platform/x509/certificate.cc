#include "platform/x509/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstddef>
#include <ctime>

#include "platform/base/ip_address.h"

namespace sallyport::x509 {

void FreeCertificate::operator()(x509_st* certificate) const { X509_free(certificate); }
void FreeKey::operator()(evp_pkey_st* key) const { EVP_PKEY_free(key); }

namespace {

struct FreeBio {
    void operator()(BIO* bio) const { BIO_free_all(bio); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;
struct FreeNames {
    void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};
using Names = std::unique_ptr<GENERAL_NAMES, FreeNames>;

Bio bio_of(const std::string& text) { return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

std::string text_of(const ASN1_STRING* s) {
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(s)), static_cast<std::size_t>(ASN1_STRING_length(s))};
}

std::string text_of(const X509_NAME* name) {
    const Bio out(BIO_new(BIO_s_mem()));
    X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253);
    char* data = nullptr;
    const auto length = BIO_get_mem_data(out.get(), &data);
    return {data, static_cast<std::size_t>(std::max(length, 0L))};
}

WallTime time_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
    return WallTime(std::chrono::seconds(::timegm(&parts)));
}

Names names_of(const X509* certificate) {
    return Names(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
}

bool equal_without_case(std::string_view a, std::string_view b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
    return std::ranges::equal(a, b, {}, lower, lower);
}

// `pattern`: as it stands in a certificate. A wildcard takes the place of the first label, whole, and of no more.
bool host_matches(std::string_view pattern, std::string_view host, bool wildcards) {
    if (pattern.find('\0') != std::string_view::npos) return false;
    if (!pattern.starts_with("*.")) return equal_without_case(pattern, host);
    const auto dot = host.find('.');
    return wildcards && dot != std::string_view::npos && dot > 0 &&
           equal_without_case(pattern.substr(1), host.substr(dot));
}

// RFC 5922 §7.1: "sip:" and a host alone; what names a user is no name of a domain.
std::string_view sip_domain(std::string_view uri) {
    if (!equal_without_case(uri.substr(0, 4), "sip:") || uri.find('@') != std::string_view::npos) return {};
    return uri.substr(4, uri.find_first_of(";?:", 4) - 4);
}

bool common_name_is(const X509* certificate, std::string_view name, bool wildcards) {
    const auto* subject = X509_get_subject_name(certificate);
    const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at < 0) return false;
    return host_matches(text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))), name, wildcards);
}

bool is_address(const ASN1_OCTET_STRING* octets, const IpAddress& address) {
    const auto size = address.is_v4() ? std::size_t{4} : std::size_t{16};
    return static_cast<std::size_t>(ASN1_STRING_length(octets)) == size &&
           std::equal(address.bytes().begin(), address.bytes().begin() + static_cast<std::ptrdiff_t>(size),
                      ASN1_STRING_get0_data(octets));
}

}  // namespace

std::string openssl_error() {
    const auto code = ERR_get_error();
    ERR_clear_error();
    if (code == 0) return "no reason is given";
    const char* reason = ERR_reason_error_string(code);
    return reason != nullptr ? reason : "error " + std::to_string(code);
}

os::Result<std::vector<Certificate>> read_certificates(const std::string& pem) {
    ERR_clear_error();
    const auto text = bio_of(pem);
    std::vector<Certificate> out;
    while (Certificate next{PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr)}) out.push_back(std::move(next));
    if (out.empty()) return std::unexpected(openssl_error());
    ERR_clear_error();  // that there is no more of them
    return out;
}

os::Result<Key> read_key(const std::string& pem) {
    ERR_clear_error();
    const auto text = bio_of(pem);
    // No password is asked for at a terminal that nobody sees.
    Key key(PEM_read_bio_PrivateKey(text.get(), nullptr, [](char*, int, int, void*) { return -1; }, nullptr));
    if (!key) return std::unexpected(openssl_error());
    return key;
}

bool belongs(const Certificate& certificate, const Key& key) {
    const bool out = X509_check_private_key(certificate.get(), key.get()) == 1;
    ERR_clear_error();
    return out;
}

CertificateInfo info_of(const x509_st* certificate) {
    CertificateInfo out;
    out.subject = text_of(X509_get_subject_name(certificate));
    out.issuer = text_of(X509_get_issuer_name(certificate));
    out.not_before = time_of(X509_get0_notBefore(certificate));
    out.not_after = time_of(X509_get0_notAfter(certificate));
    const auto names = names_of(certificate);
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
        const auto* name = sk_GENERAL_NAME_value(names.get(), i);
        if (name->type == GEN_DNS) out.names.push_back("DNS:" + text_of(name->d.dNSName));
        if (name->type == GEN_URI) out.names.push_back("URI:" + text_of(name->d.uniformResourceIdentifier));
    }
    return out;
}

bool certificate_is(const x509_st* certificate, std::string_view name, bool wildcards) {
    const auto names = names_of(certificate);
    const auto address = IpAddress::parse(name);
    bool any_name = false;
    bool any_uri = false;
    bool by_dns = false;
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
        const auto* each = sk_GENERAL_NAME_value(names.get(), i);
        if (each->type == GEN_IPADD && address && is_address(each->d.iPAddress, *address)) return true;
        if (address) continue;
        if (each->type == GEN_URI) {
            const auto text = text_of(each->d.uniformResourceIdentifier);
            const auto domain = sip_domain(text);
            any_uri |= !domain.empty();
            if (!domain.empty() && host_matches(domain, name, false)) return true;
        } else if (each->type == GEN_DNS) {
            by_dns |= host_matches(text_of(each->d.dNSName), name, wildcards);
        }
        any_name |= each->type == GEN_URI || each->type == GEN_DNS;
    }
    // Where SIP URIs stand, these are the identities; without any alternative name, the common name is.
    if (any_uri) return false;
    return by_dns || (!any_name && !address && common_name_is(certificate, name, wildcards));
}

}  // namespace sallyport::x509
