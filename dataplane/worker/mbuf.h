#pragma once
// A packet buffer of DPDK as the pipeline's Packet, and back.

#include <rte_mbuf.h>

#include "dataplane/packet/packet.h"

namespace sallyport::worker {

// Into its place: a copy of fields just written, in larger pieces than they were written, would stall.
inline void to_packet(rte_mbuf* m, packet::Packet& p) {
    p.data = rte_pktmbuf_mtod(m, std::byte*);
    p.length = m->data_len;
    p.headroom = m->data_off;
}

// Puts the packet's place in its buffer back into the buffer's own fields.
inline void to_mbuf(const packet::Packet& p, rte_mbuf* m) {
    m->data_off = p.headroom;
    m->data_len = static_cast<std::uint16_t>(p.length);
    m->pkt_len = p.length;
}

// And beside it where the packet goes, for who takes it from a ring.
inline void to_addressed_mbuf(const packet::Packet& p, rte_mbuf* m) {
    to_mbuf(p, m);
    m->port = p.interface;
    m->hash.usr = p.next_hop;
}

}  // namespace sallyport::worker
