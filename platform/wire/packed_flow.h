#pragma once
// A FlowSpec as its owners keep it, in half the bytes: media is IPv4, and a record that crosses has room for more.

#include <cstdint>
#include <optional>

#include "platform/wire/flow_records.h"

namespace sallyport::wire {

// A flow's key as one number; none for a key that is not IPv4.
constexpr std::optional<std::uint64_t> pack_key(const FlowKey& key) {
    if (!key.local.address.is_v4()) return std::nullopt;
    return std::uint64_t{key.local.address.v4_host_order()} << 32 | std::uint64_t{key.local.port} << 16 | key.realm;
}
FlowKey unpack_key(std::uint64_t packed);

// Addresses may be empty; they are IPv4 otherwise.
struct PackedEndpoint {
    std::uint32_t address = 0;
    std::uint16_t port = 0;
    bool present = false;

    static PackedEndpoint pack(const Endpoint& endpoint);
    Endpoint unpack() const;
    friend bool operator==(const PackedEndpoint&, const PackedEndpoint&) = default;
};
static_assert(sizeof(PackedEndpoint) == 8);

class PackedFlow {
public:
    PackedFlow() = default;
    // What does not fit is left out: such a flow is the same as none that does.
    explicit PackedFlow(const FlowSpec& spec);
    static bool fits(const FlowSpec& spec);

    FlowSpec unpack() const;
    std::uint64_t key() const { return key_; }
    FlowCookie cookie() const;
    std::uint64_t call() const { return call_; }
    std::uint32_t generation() const { return generation_; }
    void set_generation(std::uint32_t generation) { generation_ = generation; }
    std::uint16_t flags() const { return flags_; }
    void clear_flags(std::uint16_t flags) { flags_ &= static_cast<std::uint16_t>(~flags); }
    std::uint32_t idle_ms() const { return idle_ms_; }
    const PackedEndpoint& remote() const { return remote_; }
    // But for the generation and the wish to latch anew: the dataplane would do the same.
    bool same_as(const PackedFlow& other) const;
    friend bool operator==(const PackedFlow&, const PackedFlow&) = default;

private:
    std::uint64_t key_ = 0;
    std::uint64_t out_ = 0;
    std::uint64_t call_ = 0;
    PackedEndpoint remote_;
    PackedEndpoint out_remote_;
    std::uint32_t generation_ = 0;
    std::uint32_t idle_ms_ = 0;
    std::uint32_t rate_pps_ = 0;
    std::uint16_t leg_ = 0;
    std::uint16_t stream_ = 0;
    std::uint16_t component_ = 0;
    std::uint16_t flags_ = 0;
    SourceRule source_rule_ = SourceRule::kExact;
    std::uint8_t prefix_length_ = 0;
    std::uint8_t dscp_ = 0;
    std::uint8_t clock_khz_ = 0;
};
static_assert(sizeof(PackedFlow) == 64);

}  // namespace sallyport::wire
