#pragma once
// The kernel's routes and neighbours, as tables for the workers. Takes the changes of os::NetlinkMonitor,
// keeps what concerns our TAPs (routes to nowhere concern all), and publishes a new flow::NextHops when something has
// changed; the old one is freed after every worker has let go of it.

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "dataplane/flow/epoch.h"
#include "dataplane/flow/next_hops.h"
#include "dataplane/slowpath/frame_io.h"
#include "dataplane/slowpath/neighbours.h"
#include "platform/os/netlink_monitor.h"
#include "platform/wire/drop_reason.h"

namespace sallyport::slowpath {

class NextHopMirror {
public:
    using Probe = std::function<void(std::uint32_t ifindex, const IpAddress& address)>;
    using Drop = std::function<void(packet::Packet& packet, wire::DropReason reason)>;

    // `taps`: the names of the TAPs, in the order of the interfaces. `drop` counts and releases.
    NextHopMirror(std::vector<std::string> taps, flow::PublishedNextHops& published, flow::Epochs& epochs, FrameIo& io,
                  Probe probe, Drop drop);
    ~NextHopMirror();
    NextHopMirror(const NextHopMirror&) = delete;
    NextHopMirror& operator=(const NextHopMirror&) = delete;

    void change(const os::MonitorChange& change, Instant now);
    // Packets whose next hop workers did not know.
    void take_unresolved(Instant now);
    // Publishes, sends what waited, probes, frees. Some times a second, and after changes.
    void turn(Instant now);
    // True once after a change by which the kernel drops or keeps routes without a word: os::NetlinkMonitor::resync().
    bool take_resync_wanted() { return std::exchange(resync_wanted_, false); }

    std::uint64_t routes_refused() const { return routes_refused_; }
    const Neighbours& neighbours() const { return neighbours_; }
    const flow::NextHops* current() const { return current_.get(); }

private:
    static constexpr Duration kHousekeeping = std::chrono::milliseconds(200);
    static constexpr std::size_t kMaxRoutes = 4'096;

    struct RouteKey {
        std::uint32_t ifindex;  // 0: blackhole, unreachable, prohibit
        IpPrefix destination;
        std::uint32_t gateway;
        std::uint32_t metric;
        friend auto operator<=>(const RouteKey&, const RouteKey&) = default;
    };

    struct Tap {
        std::uint16_t interface = 0;
        bool up = false;
    };

    void link(const os::LinkChange& link);
    void address(const os::AddressChange& address);
    void route(const os::RouteChange& route);
    void neighbour(const os::NeighbourChange& neighbour, Instant now);
    void mark(os::MonitorMark mark, Instant now);
    void publish(Instant now);
    std::vector<flow::RouteEntry> routes() const;

    std::vector<std::string> taps_;
    flow::PublishedNextHops& published_;
    flow::Epochs& epochs_;
    FrameIo& io_;
    Probe probe_;
    Drop drop_;
    Neighbours neighbours_;
    std::unordered_map<std::uint32_t, Tap> tap_of_;  // by ifindex
    std::map<RouteKey, bool> routes_;                // true: named since the last kResync
    std::unique_ptr<const flow::NextHops> current_;
    struct Old {
        std::uint64_t stamp;
        std::unique_ptr<const flow::NextHops> table;
    };
    std::deque<Old> old_;
    bool syncing_ = true;
    bool changed_ = false;
    bool resync_wanted_ = false;
    std::uint64_t routes_refused_ = 0;
    Instant housekeeping_due_{};
};

}  // namespace sallyport::slowpath
