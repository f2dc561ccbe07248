#pragma once
// What every response copies from its request (RFC 3261 §8.2.6), kept after the request's datagram is gone:
// Via, From, To, Call-ID, CSeq; for 100 Timestamp; for 101-299 Record-Route (§12.1.1).
//
// The top Via is completed when it is taken: `received` and `rport` say where the request came from
// (§18.2.1, RFC 3581 §4), whatever the sender wrote there. Fields that a malformed request lacks are left out.

#include <cstdint>
#include <string>
#include <string_view>

#include "controlplane/sip/message.h"
#include "controlplane/sip/message_writer.h"
#include "platform/base/ip_address.h"
#include "platform/base/transport.h"

namespace sallyport::sip {

class ResponseTemplate {
public:
    // Forgets what it held and takes over from `request`; the buffer's memory is reused.
    void assign(const Message& request, const Endpoint& source);
    // And the memory too: most of a transaction's life comes after its last response.
    void clear();

    // Starts a response in `writer`. `to_tag` is added if it is not empty and the request's To has none.
    void begin(MessageWriter& writer, unsigned status, std::string_view reason, std::string_view to_tag) const;

    bool has_to_tag() const { return has_to_tag_; }
    std::size_t size() const { return buffer_.size(); }

private:
    std::string_view part(std::uint32_t from, std::uint32_t to) const {
        return std::string_view(buffer_).substr(from, to - from);
    }

    // Via and From lines | To line without its end | Call-ID, CSeq lines | Record-Route lines | Timestamp line
    std::string buffer_;
    std::uint32_t to_at_ = 0;
    std::uint32_t call_id_at_ = 0;
    std::uint32_t record_route_at_ = 0;
    std::uint32_t timestamp_at_ = 0;
    bool has_to_tag_ = false;
};

// The value of a request's top Via as its response carries it. `received` is added when the source address
// differs from sent-by or rport was asked for; made-up values of both are replaced.
void append_via_received(std::string& out, const Via& via, const Endpoint& source);

// Where a response to a request with this top Via goes over UDP (RFC 3261 §18.2.2, RFC 3581 §4): the source
// address; its port if rport was asked for, else that of sent-by, else 5060.
Endpoint response_target(const Via& via, const Endpoint& source);
// Where it goes when the stream that the request came on is gone (§18.2.2): the source address, the port of sent-by.
Endpoint sent_by_target(const Via& via, const Endpoint& source, Transport transport);

}  // namespace sallyport::sip
