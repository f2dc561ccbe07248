#pragma once
// The texts of TLS profiles, for the process that makes connections: it may neither read their files nor name others.

#include <cstddef>
#include <vector>

#include "platform/config/effective.h"
#include "platform/json/json.h"
#include "platform/os/result.h"

namespace sallyport::manager {

inline constexpr std::size_t kMaxPemBytes = std::size_t{384} * 1024;  // of one file

// `params`: {"profile": NAME} -> {"certificates": [{"chain", "key"}], "authorities"}. Read anew each time. The error
// names the file.
os::Result<json::Value> tls_material(const std::vector<config::TlsFiles>& profiles, const json::Value& params);

}  // namespace sallyport::manager
