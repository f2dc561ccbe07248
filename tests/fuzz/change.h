#pragma once
// One change of a JSON document that a fuzzer's bytes describe: a place, and what becomes of it. What results is JSON
// that is nearly right, which a fuzzer of texts seldom finds.

#include <string>

#include "platform/json/json.h"
#include "tests/fuzz/fuzz.h"

namespace sallyport::fuzz {

inline json::Value changed_value(Input& in) {
    switch (in.byte() % 14) {
        case 0: return {};
        case 1: return true;
        case 2: return in.byte();
        case 3: return Json::UInt64{in.take<std::uint64_t>()};
        case 4: return Json::Int64{in.take<std::int64_t>()};
        case 5: return in.take<float>();
        case 6: return json::Value(Json::arrayValue);
        case 7: return json::Value(Json::objectValue);
        case 8: return "192.0.2.1:5060";
        case 9: return "198.51.100.0/24";
        case 10: return "prefix";
        case 11: return "192.0.2." + std::to_string(in.byte());
        case 12: return std::to_string(in.take<std::uint16_t>()) + "-" + std::to_string(in.take<std::uint16_t>());
        default: return std::string(in.until('\n'));
    }
}

// Walks down as the bytes say, and changes, removes or doubles what is there.
inline void change(json::Value& root, Input& in) {
    json::Value* at = &root;
    while ((at->isObject() || at->isArray()) && !at->empty()) {
        const auto step = in.byte();
        const auto index = static_cast<Json::ArrayIndex>(step % at->size());
        const bool here = (step & 0x80) != 0;
        const bool remove = (step & 0x40) != 0;
        if (at->isArray()) {
            auto& item = (*at)[index];
            if (here && remove) {
                json::Value removed;
                at->removeIndex(index, &removed);
            } else if (here) {
                at->append(json::Value(item));
            } else {
                at = &item;
                continue;
            }
            return;
        }
        const auto key = at->getMemberNames()[index];
        auto& member = (*at)[key];
        if (here && remove) {
            at->removeMember(key);
        } else if (here) {
            const auto name = std::string(in.until('\n'));
            (*at)[name] = (step & 0x20) != 0 ? json::Value(member) : changed_value(in);
        } else {
            at = &member;
            continue;
        }
        return;
    }
    *at = changed_value(in);
}

}  // namespace sallyport::fuzz
