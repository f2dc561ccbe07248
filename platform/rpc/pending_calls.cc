#include "platform/rpc/pending_calls.h"

#include <algorithm>
#include <utility>

namespace sallyport::rpc {

std::optional<std::uint64_t> PendingCalls::add(Instant deadline, Done& done) {
    if (calls_.size() >= max_) return std::nullopt;
    const auto id = next_id_++;
    calls_.emplace(id, Entry{.deadline = deadline, .done = std::move(done)});
    return id;
}

Done PendingCalls::take(std::uint64_t id) {
    const auto it = calls_.find(id);
    if (it == calls_.end()) return {};
    Done done = std::move(it->second.done);
    calls_.erase(it);
    return done;
}

std::vector<Done> PendingCalls::take_expired(Instant now) {
    std::vector<Done> out;
    for (auto it = calls_.begin(); it != calls_.end();) {
        if (it->second.deadline > now) {
            ++it;
            continue;
        }
        out.push_back(std::move(it->second.done));
        it = calls_.erase(it);
    }
    return out;
}

std::vector<Done> PendingCalls::take_all() {
    std::vector<Done> out;
    for (auto& [id, entry] : std::exchange(calls_, {})) out.push_back(std::move(entry.done));
    return out;
}

Instant PendingCalls::next_deadline() const {
    Instant out = kNever;
    for (const auto& [id, entry] : calls_) out = std::min(out, entry.deadline);
    return out;
}

}  // namespace sallyport::rpc
