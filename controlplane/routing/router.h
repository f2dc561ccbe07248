#pragma once
// Who is asking, and where it goes. Source identification comes first, for every request: sip interface and
// source address -> trunk, else an open realm, else unknown (dropped silently and counted, or 403 by
// setting). Then the route table in the order of the configuration: the first route whose source and called
// prefix match decides.

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "controlplane/sip/uri.h"
#include "platform/base/ip_address.h"
#include "platform/base/transport.h"
#include "platform/config/views.h"

namespace sallyport::routing {

struct Source {
    enum class Kind : std::uint8_t { kTrunk, kOpenRealm, kUnknown };
    Kind kind = Kind::kUnknown;
    std::uint16_t sip_interface = 0;
    std::uint16_t realm = 0;
    std::uint16_t trunk = 0;  // for kTrunk
    bool forbid = false;      // for kUnknown: answer 403 instead of silence
};

struct Target {
    std::uint16_t route = 0;  // index in the view's routes
    std::uint16_t trunk = 0;
    std::uint16_t sip_interface = 0;
    std::uint16_t realm = 0;
    Endpoint peer;  // the trunk's first
    Transport transport = Transport::kUdp;
};

struct Refusal {
    std::uint16_t status = 404;
    std::string_view reason;  // a static text that may be sent
};

struct TrunkCounters {
    std::uint64_t calls_in = 0;     // routed calls that came from it
    std::uint64_t calls_out = 0;    // routed calls that went to it
    std::uint64_t refused_in = 0;   // calls from it without a route
    std::uint64_t requests_in = 0;  // routed requests outside of a dialog, INVITE excepted
    std::uint64_t requests_out = 0;
};

struct RoutingCounters {
    std::uint64_t unknown_dropped = 0;
    std::uint64_t unknown_forbidden = 0;
    std::uint64_t no_route = 0;
};

// What the next hop will take for the called number: the user part (or the number of a tel: URI) without escapes and,
// where it is a telephone number, without visual separators. Only to compare; what is sent on stays as received.
std::string called_number(const sip::Uri& uri);

class Router {
public:
    // Keeps a reference: the view outlives the router.
    explicit Router(const config::ControlView& view);

    // Whose address that is, if it is a trunk's.
    std::optional<std::uint16_t> trunk_at(std::uint16_t sip_interface, const Endpoint& peer) const;
    // Counts unknown sources, so call it once per request from outside a dialog.
    Source identify(std::uint16_t sip_interface, const Endpoint& source);
    // `called`: called_number() of the Request-URI ("" when it has none). Counts; once per call or request.
    enum class What : std::uint8_t { kCall, kRequest };
    std::expected<Target, Refusal> route(const Source& source, std::string_view called, What what = What::kCall);

    const TrunkCounters& trunk_counters(std::uint16_t trunk) const { return trunk_counters_.at(trunk); }
    std::uint64_t route_hits(std::uint16_t route) const { return route_hits_.at(route); }
    const RoutingCounters& counters() const { return counters_; }

private:
    struct Key {
        std::uint16_t sip_interface = 0;
        Endpoint peer;  // port 0: any port of that address
        friend bool operator==(const Key&, const Key&) = default;
    };
    struct KeyHash {
        std::size_t operator()(const Key& k) const;
    };

    const config::ControlView& view_;
    std::unordered_map<Key, std::uint16_t, KeyHash> sources_;
    std::vector<TrunkCounters> trunk_counters_;
    std::vector<std::uint64_t> route_hits_;
    RoutingCounters counters_;
};

}  // namespace sallyport::routing
