#pragma once
// What the kernel knows about links, addresses, routes and neighbours, kept up to date.
//
// open() subscribes first and then asks for everything, so that nothing falls between. The owner polls fd()
// and calls read(), which delivers changes in order. When the kernel's queue overflows (ENOBUFS), changes were
// lost: the monitor delivers kResync and then everything anew; the receiver forgets all at kResync, and at
// kSynced what it has is complete. The first open() starts with kResync in the same way, so that there is one
// path. What the kernel does without a message the owner must ask for with resync(): the routes of a link that goes
// down or loses an address are flushed in silence. Only the main routing table is delivered, unicast routes with one
// next hop (each hop of a multipath route as a route of its own); local and broadcast routes are not.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>

#include "platform/base/ip_address.h"
#include "platform/os/mac_address.h"
#include "platform/os/result.h"

struct mnl_socket;
struct nlmsghdr;

namespace sallyport::os {

struct LinkChange {
    bool removed = false;
    std::uint32_t ifindex = 0;
    std::string name;
    MacAddress mac;   // zero when the link has none
    bool up = false;  // administratively
    std::uint32_t mtu = 0;
};

struct AddressChange {
    bool removed = false;
    std::uint32_t ifindex = 0;
    IpPrefix address;
};

struct RouteChange {
    bool removed = false;
    bool replaces = false;  // whatever route there was of the same destination and metric, without an RTM_DELROUTE
    IpPrefix destination;
    std::uint32_t ifindex = 0;                        // 0: a route that names no device (blackhole, unreachable)
    std::optional<IpAddress> gateway = std::nullopt;  // without: the destination is on the link
    std::uint32_t metric = 0;
};

struct NeighbourChange {
    bool removed = false;  // deleted, or failed: the kernel has no address for it now
    std::uint32_t ifindex = 0;
    IpAddress address;
    MacAddress mac;           // valid when `resolved`
    bool resolved = false;    // reachable, stale, delay, probe, permanent or noarp, with a MAC
    bool reachable = false;   // confirmed lately, or permanent: needs no probe
    std::uint16_t state = 0;  // NUD_* as the kernel says it
};

enum class MonitorMark : std::uint8_t { kResync, kSynced };

using MonitorChange = std::variant<MonitorMark, LinkChange, AddressChange, RouteChange, NeighbourChange>;

class NetlinkMonitor {
public:
    using Handler = std::function<void(const MonitorChange& change)>;

    // Of the network namespace of the calling thread.
    static Result<NetlinkMonitor> open(Handler handler);
    NetlinkMonitor(NetlinkMonitor&& other) noexcept;
    NetlinkMonitor& operator=(NetlinkMonitor&&) = delete;
    ~NetlinkMonitor();

    int fd() const;  // readable when read() has something to do
    // Delivers what waits, at most some thousand messages a call; never blocks. False: there may be more.
    Result<bool> read();
    // Everything anew, as after an overflow. Not from within the handler.
    Result<bool> resync();
    // Some times a second: starts a sync again that the kernel has refused, or that could not be asked for.
    Result<bool> retry();

    // Asks the kernel to resolve or confirm a neighbour, as if it had a packet to send there (NTF_USE). Works for
    // one that it has no entry of. Does not wait; the outcome comes as a NeighbourChange. Nothing is known of
    // failures but the counter.
    void probe_neighbour(std::uint32_t ifindex, const IpAddress& address);

    std::uint64_t overflows() const { return overflows_; }
    std::uint64_t failed_probes() const { return failed_probes_; }

private:
    NetlinkMonitor(mnl_socket* socket, Handler handler);
    void start_sync();
    void request_dump();
    void finish_dump(int error);
    void deliver(const nlmsghdr* message);

    // One socket for all: dumps and changes come through one queue, so that an old entry of a dump never
    // arrives after a newer change.
    mnl_socket* socket_;
    Handler handler_;
    std::size_t dump_ = 0;  // which of the dumps is running
    bool syncing_ = false;
    bool resync_wanted_ = false;       // something was lost: drain and start again when the running dump has ended
    bool draining_ = false;            // something was lost: throw away what waits, then ask for everything
    std::uint32_t dump_sequence_ = 0;  // 0: the request could not be sent, or the kernel refused it
    std::uint32_t sequence_ = 0;
    std::uint64_t overflows_ = 0;
    std::uint64_t failed_probes_ = 0;
};

}  // namespace sallyport::os
