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
    p.port = m->port;
    p.handle = m;
}

// Puts the packet's place in its buffer back into the buffer's own fields.
inline rte_mbuf* to_mbuf(const packet::Packet& p) {
    auto* m = static_cast<rte_mbuf*>(p.handle);
    m->data_off = static_cast<std::uint16_t>(p.data - static_cast<std::byte*>(m->buf_addr));
    m->data_len = static_cast<std::uint16_t>(p.length);
    m->pkt_len = p.length;
    m->port = p.interface;
    m->hash.usr = p.next_hop;
    return m;
}

}  // namespace sallyport::worker
