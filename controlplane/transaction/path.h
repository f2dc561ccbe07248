#pragma once
// Where a message came from or goes to.

#include <cstdint>

#include "platform/base/ip_address.h"
#include "platform/base/transport.h"

namespace sallyport::transaction {

struct Path {
    std::uint16_t sip_interface = 0;  // index into the view's sip-interfaces
    Endpoint remote;
    Transport transport = Transport::kUdp;
    // The number of the stream that it came on, or shall go on; numbers are not used again. 0, or gone by now: one that
    // leads to `remote`, which is made when there is none.
    std::uint32_t connection = 0;

    friend bool operator==(const Path&, const Path&) = default;
};

}  // namespace sallyport::transaction
