#include "platform/manager/tls_check.h"

#include <optional>
#include <string>

#include "platform/manager/tls_material.h"
#include "platform/os/files.h"
#include "platform/x509/certificate.h"

namespace sallyport::manager {

namespace {

constexpr auto kSoon = std::chrono::days(30);

std::optional<std::string> read(const std::string& file, const std::string& path, TlsFindings& found) {
    auto text = os::read_file(file, kMaxPemBytes);
    if (text) return std::move(*text);
    found.problems.push_back({path, text.error()});
    return std::nullopt;
}

void check_times(const x509_st* certificate, const std::string& path, WallTime now, TlsFindings& found) {
    const auto info = x509::info_of(certificate);
    const auto days = std::chrono::floor<std::chrono::days>(info.not_after - now).count();
    if (info.not_after <= now)
        found.warnings.push_back({path, info.subject + " has ended; peers that verify will refuse it"});
    else if (info.not_before > now)
        found.warnings.push_back({path, info.subject + " has not begun yet; peers that verify will refuse it"});
    else if (info.not_after - now < kSoon)
        found.warnings.push_back({path, info.subject + " ends in " + std::to_string(days) + " days"});
}

void check_pair(const config::TlsFiles::Pair& pair, const std::string& path, WallTime now, TlsFindings& found) {
    const auto chain_path = config::pointer(path, "certificate");
    const auto key_path = config::pointer(path, "key");
    const auto chain_text = read(pair.certificate, chain_path, found);
    const auto key_text = read(pair.key, key_path, found);
    const auto chain = chain_text ? x509::read_certificates(*chain_text) : std::unexpected(std::string());
    const auto key = key_text ? x509::read_key(*key_text) : std::unexpected(std::string());
    if (chain_text && !chain)
        found.problems.push_back({chain_path, pair.certificate + " holds no certificate that can be read: " +
                                                  chain.error() + "; it must be PEM"});
    if (key_text && !key)
        found.problems.push_back({key_path, pair.key + " holds no key that can be read: " + key.error() +
                                                "; it must be PEM, and without a password"});
    if (!chain) return;
    for (const auto& each : *chain) check_times(each.get(), chain_path, now, found);
    if (key && !x509::belongs(chain->front(), *key))
        found.problems.push_back(
            {key_path, pair.key + " is not the key of the first certificate in " + pair.certificate});
}

}  // namespace

TlsFindings check_tls_files(const std::vector<config::TlsFiles>& profiles, WallTime now) {
    TlsFindings found;
    for (const auto& profile : profiles) {
        const auto path = config::pointer("/tls-profiles", profile.profile);
        for (std::size_t i = 0; i < profile.pairs.size(); ++i)
            check_pair(profile.pairs[i], config::pointer(config::pointer(path, "certificates"), i), now, found);
        if (profile.authorities.empty()) continue;
        const auto at = config::pointer(path, "authorities");
        const auto text = read(profile.authorities, at, found);
        const auto all = text ? x509::read_certificates(*text) : std::unexpected(std::string());
        if (text && !all)
            found.problems.push_back({at, profile.authorities + " holds no certificate that can be read: " +
                                              all.error() + "; it must be PEM"});
    }
    return found;
}

}  // namespace sallyport::manager
