#include "dataplane/slowpath/neighbours.h"

#include <algorithm>
#include <cstring>

namespace sallyport::slowpath {

void Neighbours::resolved(std::uint16_t interface, std::uint32_t address, const packet::Mac& mac, bool reachable) {
    const Key key{interface, address};
    if (!entries_.contains(key) && entries_.size() >= kMaxEntries) return;
    auto& entry = entries_[key];
    changed_ |= !entry.has_mac || entry.mac != mac;
    entry.mac = mac;
    entry.has_mac = true;
    entry.in_kernel = true;
    entry.reachable = reachable;
    entry.confirmed = true;
}

void Neighbours::lost(std::uint16_t interface, std::uint32_t address, Instant now) {
    const auto found = entries_.find({interface, address});
    if (found == entries_.end()) return;
    auto& entry = found->second;
    if (entry.in_kernel) entry.lost_at = now;
    entry.in_kernel = entry.reachable = false;
    entry.confirmed = true;
    // Whether it is in use is known at the next expire(), which then asks again or lets it go.
}

void Neighbours::begin_resync() {
    for (auto& [key, entry] : entries_) entry.confirmed = false;
}

void Neighbours::end_resync(Instant now) {
    for (auto& [key, entry] : entries_)
        if (!entry.confirmed) lost(key.first, key.second, now);
}

void Neighbours::used(std::uint16_t interface, std::uint32_t address, Instant now) {
    if (const auto found = entries_.find({interface, address}); found != entries_.end()) found->second.last_used = now;
}

bool Neighbours::hold(packet::Packet& packet, Instant now) {
    const Key key{packet.interface, packet.next_hop};
    if (!entries_.contains(key) && entries_.size() >= kMaxEntries) return false;
    auto& entry = entries_[key];
    entry.last_used = now;
    if (!entry.has_mac) probe(key, entry, now, kUrgentProbe);
    if (entry.waiting.size() >= kMaxWaitingPerHop || waiting_ >= kMaxWaiting) return false;
    entry.waiting.push_back({packet, now});
    ++waiting_;
    return true;
}

void Neighbours::take_ready(const Each& send) {
    if (waiting_ == 0) return;
    for (auto& [key, entry] : entries_) {
        if (!entry.has_mac) continue;
        for (auto& held : entry.waiting) {
            std::memcpy(held.packet.data, entry.mac.data(), entry.mac.size());
            send(held.packet);
            --waiting_;
        }
        entry.waiting.clear();
    }
}

void Neighbours::expire(Instant now, const Each& drop) {
    for (auto at = entries_.begin(); at != entries_.end();) {
        auto& [key, entry] = *at;
        while (!entry.waiting.empty() && now - entry.waiting.front().since >= kLongestWait) {
            drop(entry.waiting.front().packet);
            entry.waiting.pop_front();
            --waiting_;
        }
        if (in_use(entry, now)) {
            if (!entry.in_kernel)
                probe(key, entry, now, kUrgentProbe);
            else if (!entry.reachable)
                probe(key, entry, now, kKeepAliveProbe);
        }
        if (entry.has_mac && !entry.in_kernel && (!in_use(entry, now) || now - entry.lost_at >= kKeepMac)) {
            entry.has_mac = false;
            changed_ = true;
        }
        const bool gone = !entry.has_mac && !entry.in_kernel && entry.waiting.empty() && !in_use(entry, now);
        at = gone ? entries_.erase(at) : std::next(at);
    }
}

void Neighbours::release_all(const Each& drop) {
    for (auto& [key, entry] : entries_) {
        for (auto& held : entry.waiting) drop(held.packet);
        entry.waiting.clear();
    }
    waiting_ = 0;
}

void Neighbours::probe(const Key& key, Entry& entry, Instant now, Duration pause) {
    if (entry.last_probe != Instant::min() && now - entry.last_probe < pause) return;
    entry.last_probe = now;
    ++probes_;
    probe_(key.first, key.second);
}

std::vector<flow::NeighbourEntry> Neighbours::entries() const {
    std::vector<flow::NeighbourEntry> out;
    for (const auto& [key, entry] : entries_)
        if (entry.has_mac) out.push_back({key.first, key.second, entry.mac});
    return out;
}

std::size_t Neighbours::known_with_mac() const {
    return static_cast<std::size_t>(std::ranges::count_if(entries_, [](const auto& e) { return e.second.has_mac; }));
}

Neighbours::State Neighbours::state(std::uint16_t interface, std::uint32_t address) const {
    const auto found = entries_.find({interface, address});
    if (found == entries_.end() || !found->second.has_mac) return State::kUnresolved;
    return found->second.in_kernel ? State::kResolved : State::kProbing;
}

}  // namespace sallyport::slowpath
