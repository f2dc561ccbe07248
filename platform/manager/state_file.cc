#include "platform/manager/state_file.h"

#include "platform/json/json.h"

namespace sallyport::manager {

std::string write_state(const SavedState& state) {
    json::Value out(Json::objectValue);
    out["taps"] = json::Value(Json::arrayValue);
    for (const auto& name : state.taps) out["taps"].append(name);
    out["processes"] = json::Value(Json::objectValue);
    for (const auto& [role, process] : state.processes) {
        out["processes"][role]["pid"] = static_cast<Json::Int64>(process.pid);
        out["processes"][role]["start-time"] = Json::UInt64{process.start_time};
    }
    return json::write_pretty(out);
}

os::Result<SavedState> parse_state(std::string_view text) {
    const auto parsed = json::parse(text);
    if (!parsed) return std::unexpected(parsed.error());
    const auto malformed = std::unexpected(std::string("not the state of a manager"));
    if (!parsed->isObject()) return malformed;
    const auto& taps = (*parsed)["taps"];
    const auto& processes = (*parsed)["processes"];
    if (!taps.isArray() || !processes.isObject()) return malformed;
    SavedState out;
    for (const auto& name : taps) {
        if (!name.isString() || name.asString().empty() || name.asString().size() > 15) return malformed;
        out.taps.push_back(name.asString());
    }
    for (const auto& role : processes.getMemberNames()) {
        const auto& entry = processes[role];
        if (!entry.isObject() || !entry["pid"].isInt() || entry["pid"].asInt() <= 1 ||
            !entry["start-time"].isUInt64()) {
            return malformed;
        }
        out.processes[role] = {.pid = entry["pid"].asInt(), .start_time = entry["start-time"].asUInt64()};
    }
    return out;
}

}  // namespace sallyport::manager
