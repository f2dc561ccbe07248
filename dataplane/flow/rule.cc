#include "dataplane/flow/rule.h"

#include <algorithm>

namespace sallyport::flow {

void FlowRule::set_out(Latch source, Latch destination, std::uint8_t tos) {
    constexpr std::uint16_t kTtlAndProtocol = packet::swap16(64 << 8 | packet::kUdpProtocol);
    const auto address = packet::swap32(source.address);
    const auto port = packet::swap16(source.port);
    to = (destination.pack() & ~Latch::kTag) | packet::at_byte(port, 4);
    source_sum = packet::fold_wide(std::uint64_t{address} + port);
    ip_first = packet::swap16(static_cast<std::uint16_t>(0x4500 | tos));
    ip_middle = packet::at_byte(kTtlAndProtocol, 0) | packet::at_byte(address, 4);
    ip_sum =
        packet::fold_wide(std::uint64_t{ip_first} + packet::fold_wide(kDontFragment) + packet::fold_wide(ip_middle));
}

void FlowStats::reset() {
    for (auto* v : {&packets_in, &bytes_in, &packets_kept, &bytes_kept, &packets_dropped, &first_ns, &last_ns})
        v->set(0);
    reception.reset();
}

void FlowStats::add_to(wire::FlowCounters& sum) const {
    sum.packets_dropped += packets_dropped.get();  // refused before it counts as received
    const auto packets = packets_in.get();
    if (packets == 0) return;
    const auto bytes = bytes_in.get();
    sum.packets_in += packets;
    sum.bytes_in += bytes;
    // The worker may have counted on between two reads.
    sum.packets_forwarded += packets - std::min(packets, packets_kept.get());
    sum.bytes_forwarded += bytes - std::min(bytes, bytes_kept.get());
    const auto first = first_ns.get();
    if (first != 0 && (sum.first_packet_ns == 0 || first < sum.first_packet_ns)) sum.first_packet_ns = first;
    sum.packets_lost += reception.lost();
    sum.packets_out_of_order += reception.out_of_order();
    sum.packets_duplicate += reception.duplicate();
    sum.jitter_max_us = std::max(sum.jitter_max_us, reception.jitter_max_us());
    sum.ssrc_changes += reception.ssrc_changes();
    // What is a state and no sum comes from the worker that heard last.
    if (last_ns.get() < sum.last_packet_ns) return;
    sum.last_packet_ns = last_ns.get();
    sum.jitter_us = reception.jitter_us();
    sum.ssrc = reception.ssrc();
    sum.payload_type = reception.payload_type();
}

}  // namespace sallyport::flow
