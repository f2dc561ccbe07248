#include "platform/manager/tls_material.h"

#include <algorithm>

#include "platform/os/files.h"

namespace sallyport::manager {

namespace {

// All texts of a profile have to fit into one message (platform/rpc).
constexpr std::size_t kMaxProfileBytes = std::size_t{768} * 1024;

}  // namespace

os::Result<json::Value> tls_material(const std::vector<config::TlsFiles>& profiles, const json::Value& params) {
    const auto& name = params["profile"];
    const auto profile =
        name.isString() ? std::ranges::find(profiles, name.asString(), &config::TlsFiles::profile) : profiles.end();
    if (profile == profiles.end()) return std::unexpected("profile: there is no such TLS profile");
    std::size_t bytes = 0;
    std::string error;
    const auto read = [&](const std::string& path) -> json::Value {
        auto text = os::read_file(path, kMaxPemBytes);
        if (!text && error.empty()) error = text.error();
        if (!text) return {};
        bytes += text->size();
        return *text;
    };
    json::Value out(Json::objectValue);
    for (const auto& pair : profile->pairs) {
        json::Value texts(Json::objectValue);
        texts["chain"] = read(pair.certificate);
        texts["key"] = read(pair.key);
        out["certificates"].append(std::move(texts));
    }
    if (!profile->authorities.empty()) out["authorities"] = read(profile->authorities);
    if (error.empty() && bytes > kMaxProfileBytes)
        error = "the files of TLS profile " + profile->profile + " are larger than " +
                std::to_string(kMaxProfileBytes) + " bytes together";
    if (!error.empty()) return std::unexpected(error);
    return out;
}

}  // namespace sallyport::manager
