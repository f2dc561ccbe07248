#include "platform/wire/packed_flow.h"

namespace sallyport::wire {

namespace {

bool fits_endpoint(const Endpoint& endpoint) {
    return endpoint.reserved == 0 && (endpoint.address.is_v4() || endpoint.address.empty());
}

}  // namespace

FlowKey unpack_key(std::uint64_t packed) {
    FlowKey key;
    key.local = {IpAddress::v4(static_cast<std::uint32_t>(packed >> 32)), static_cast<std::uint16_t>(packed >> 16)};
    key.realm = static_cast<std::uint16_t>(packed);
    return key;
}

PackedEndpoint PackedEndpoint::pack(const Endpoint& endpoint) {
    if (!fits_endpoint(endpoint)) return {};
    return {endpoint.address.v4_host_order(), endpoint.port, !endpoint.address.empty()};
}

Endpoint PackedEndpoint::unpack() const { return {present ? IpAddress::v4(address) : IpAddress{}, port}; }

bool PackedFlow::fits(const FlowSpec& spec) {
    return spec.key.local.address.is_v4() && spec.out.local.address.is_v4() && fits_endpoint(spec.remote) &&
           fits_endpoint(spec.out_remote);
}

PackedFlow::PackedFlow(const FlowSpec& spec)
    : key_(pack_key(spec.key).value_or(0)),
      out_(pack_key(spec.out).value_or(0)),
      call_(spec.cookie.call),
      remote_(PackedEndpoint::pack(spec.remote)),
      out_remote_(PackedEndpoint::pack(spec.out_remote)),
      generation_(spec.generation),
      idle_ms_(spec.idle_ms),
      rate_pps_(spec.rate_pps),
      leg_(spec.cookie.leg),
      stream_(spec.cookie.stream),
      component_(spec.cookie.component),
      flags_(spec.flags),
      source_rule_(spec.source_rule),
      prefix_length_(spec.prefix_length),
      dscp_(spec.dscp),
      clock_khz_(spec.clock_khz) {}

FlowCookie PackedFlow::cookie() const {
    FlowCookie out;
    out.call = call_;
    out.leg = leg_;
    out.stream = stream_;
    out.component = component_;
    return out;
}

FlowSpec PackedFlow::unpack() const {
    FlowSpec out;
    out.key = unpack_key(key_);
    out.cookie = cookie();
    out.generation = generation_;
    out.flags = flags_;
    out.source_rule = source_rule_;
    out.prefix_length = prefix_length_;
    out.remote = remote_.unpack();
    out.idle_ms = idle_ms_;
    out.out = unpack_key(out_);
    out.out_remote = out_remote_.unpack();
    out.dscp = dscp_;
    out.clock_khz = clock_khz_;
    out.rate_pps = rate_pps_;
    return out;
}

bool PackedFlow::same_as(const PackedFlow& other) const {
    const auto flags = [](const PackedFlow& f) { return static_cast<unsigned>(f.flags_) & ~unsigned{kFlowRelatch}; };
    return key_ == other.key_ && out_ == other.out_ && call_ == other.call_ && remote_ == other.remote_ &&
           out_remote_ == other.out_remote_ && idle_ms_ == other.idle_ms_ && rate_pps_ == other.rate_pps_ &&
           leg_ == other.leg_ && stream_ == other.stream_ && component_ == other.component_ &&
           flags(*this) == flags(other) && source_rule_ == other.source_rule_ &&
           prefix_length_ == other.prefix_length_ && dscp_ == other.dscp_ && clock_khz_ == other.clock_khz_;
}

}  // namespace sallyport::wire
