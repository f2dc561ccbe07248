#pragma once
// The neighbours that media may leave to, as the kernel knows them and as we need them.
//
// The kernel resolves on demand of its own traffic; media passes it by. So we ask (NTF_USE): at once for an
// address that a packet waits for, and again while workers use an entry that the kernel has not confirmed
// lately. An entry that the kernel gives up (flushed, failed) keeps its last MAC while it is in use, for
// kKeepMac at most, and is asked for again meanwhile: `ip neigh flush` in mid-call costs no packet.
//
// No clock, no socket: `now` and the kernel's changes go in, probes come out through a function.

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "dataplane/flow/next_hops.h"
#include "dataplane/packet/packet.h"
#include "platform/base/time.h"

namespace sallyport::slowpath {

class Neighbours {
public:
    using Probe = std::function<void(std::uint16_t interface, std::uint32_t address)>;

    static constexpr std::size_t kMaxEntries = 65'536;
    static constexpr std::size_t kMaxWaitingPerHop = 32;
    static constexpr std::size_t kMaxWaiting = 1'024;
    static constexpr Duration kLongestWait = std::chrono::seconds(1);
    static constexpr Duration kKeepMac = std::chrono::seconds(10);
    static constexpr Duration kInUse = std::chrono::seconds(3);  // after the last packet
    static constexpr Duration kUrgentProbe = std::chrono::milliseconds(250);
    static constexpr Duration kKeepAliveProbe = std::chrono::seconds(2);

    explicit Neighbours(Probe probe) : probe_(std::move(probe)) {}

    enum class State : std::uint8_t { kUnresolved, kProbing, kResolved };

    // --- what the kernel says
    void resolved(std::uint16_t interface, std::uint32_t address, const packet::Mac& mac, bool reachable);
    void lost(std::uint16_t interface, std::uint32_t address, Instant now);
    // The kernel tells all anew: what it does not name until end_resync() is lost.
    void begin_resync();
    void end_resync(Instant now);

    // --- what the workers do
    void used(std::uint16_t interface, std::uint32_t address, Instant now);
    // Holds `packet` until its next hop is known, and asks the kernel. False: no room, it stays the caller's.
    bool hold(packet::Packet& packet, Instant now);

    // Each packet whose time is over, and each one that can go now (its MAC is filled in).
    using Each = std::function<void(packet::Packet& packet)>;
    void take_ready(const Each& send);
    void expire(Instant now, const Each& drop);  // keep-alive probes, too; call some times a second
    void release_all(const Each& drop);

    // True once after a change of what workers must know.
    bool take_changed() { return std::exchange(changed_, false); }
    std::vector<flow::NeighbourEntry> entries() const;

    State state(std::uint16_t interface, std::uint32_t address) const;
    std::size_t known() const { return entries_.size(); }
    std::size_t known_with_mac() const;
    std::size_t waiting() const { return waiting_; }
    std::uint64_t probes() const { return probes_; }

private:
    struct Waiting {
        packet::Packet packet;
        Instant since;
    };
    struct Entry {
        packet::Mac mac{};
        bool has_mac = false;
        bool in_kernel = false;  // the kernel holds it as resolved
        bool reachable = false;
        bool confirmed = true;  // named since begin_resync()
        Instant last_used = Instant::min();
        Instant last_probe = Instant::min();
        Instant lost_at = Instant::min();
        std::deque<Waiting> waiting;
    };
    using Key = std::pair<std::uint16_t, std::uint32_t>;

    void probe(const Key& key, Entry& entry, Instant now, Duration pause);
    static bool in_use(const Entry& entry, Instant now) {
        return entry.last_used != Instant::min() && now - entry.last_used < kInUse;
    }

    Probe probe_;
    std::map<Key, Entry> entries_;
    std::size_t waiting_ = 0;
    std::uint64_t probes_ = 0;
    bool changed_ = false;
};

}  // namespace sallyport::slowpath
