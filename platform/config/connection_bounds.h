#pragma once
// How many connections of TCP and TLS there may be, and how slow they may be (docs/configuration.md, `connections`).

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "platform/base/time.h"

namespace sallyport::config {

struct ConnectionBounds {
    std::size_t connections = 20'000;
    std::size_t accepted_from_one_address = 4'096;
    Duration connect = std::chrono::seconds(4);
    Duration handshake = std::chrono::seconds(8);       // of TLS
    Duration first_message = std::chrono::seconds(10);  // from the start of an accepted connection to its end
    Duration message = std::chrono::seconds(10);        // from a message's first byte to its last
    Duration write = std::chrono::seconds(10);          // without progress
    Duration idle = std::chrono::minutes(15);           // without a message in either direction, or a ping
    Duration pong = std::chrono::seconds(10);           // after a ping of ours (RFC 5626 §4.4.1); not in the document
    std::size_t message_bytes = 65'535;
    std::size_t written_bytes = std::size_t{256} << 10;  // that wait on one connection
    std::size_t kept_bytes = std::size_t{256} << 20;     // on all: begun messages, and what waits to be written

    // That the process needs for all of them, and for what it has open beside.
    std::size_t descriptors() const { return connections + 2'000; }
};

// Each that can be set, with its key in the document and what one of its units is.
template <typename Bounds, typename Visit>
void visit_bounds(Bounds& b, Visit visit) {
    constexpr Duration kSecond = std::chrono::seconds(1);
    constexpr std::size_t kOne = 1;
    visit("max", b.connections, kOne);
    visit("max-per-source", b.accepted_from_one_address, kOne);
    visit("connect-s", b.connect, kSecond);
    visit("handshake-s", b.handshake, kSecond);
    visit("first-message-s", b.first_message, kSecond);
    visit("message-s", b.message, kSecond);
    visit("write-s", b.write, kSecond);
    visit("idle-s", b.idle, kSecond);
    visit("message-bytes", b.message_bytes, kOne);
    visit("write-queue-kb", b.written_bytes, std::size_t{1} << 10);
    visit("memory-mb", b.kept_bytes, std::size_t{1} << 20);
}

}  // namespace sallyport::config
