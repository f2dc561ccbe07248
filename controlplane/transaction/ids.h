#pragma once
// Names of transactions, and how they end badly. An id holds the slot's generation: one that has ended is
// recognised as dead, also after its slot was given to another.

#include <cstdint>

namespace sallyport::transaction {

struct ClientId {
    std::uint32_t index = 0;
    std::uint32_t generation = 0;  // 0: nobody
    explicit operator bool() const { return generation != 0; }
    friend bool operator==(ClientId, ClientId) = default;
};

struct ServerId {
    std::uint32_t index = 0;
    std::uint32_t generation = 0;
    explicit operator bool() const { return generation != 0; }
    friend bool operator==(ServerId, ServerId) = default;
};

enum class ClientFailure : std::uint8_t {
    kTimeout,         // Timer B or F: treat as 408 (RFC 3261 §8.1.3.1)
    kTransportError,  // treat as 503
    kCancelled,       // cancelled, and no final response within 64*T1 of the CANCEL (§9.1)
};

enum class ServerFailure : std::uint8_t {
    kNoAck,  // Timer H: the final response was never acknowledged
    kTransportError,
    kUnanswered,  // other than INVITE: the TU had no response in 64*T1 (RFC 4320)
};

}  // namespace sallyport::transaction
