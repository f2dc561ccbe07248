#pragma once
// One SIP dialog as one of its two ends keeps it (RFC 3261 §12). A value: no timers, no transactions.
//
// As UAS it begins with the INVITE that came (accept). As UAC it begins with the INVITE that we send (make),
// which is not yet a dialog: each response with a To tag makes one of a copy of it (establish), for a fork
// downstream gives several early dialogs to one INVITE (§12.1.2, §13.2.2.4).

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/sip/message.h"
#include "controlplane/sip/message_writer.h"
#include "platform/base/byte_reader.h"
#include "platform/base/ip_address.h"
#include "platform/base/transport.h"

namespace sallyport::dialog {

// A peer's text that we keep is bounded: a longer one refuses the message.
inline constexpr std::size_t kMaxRoutes = 16;
inline constexpr std::size_t kMaxUri = 1024;
inline constexpr std::size_t kMaxIdentifier = 1024;  // Call-ID, tags
inline constexpr std::size_t kMaxAddress = 2048;     // From, To: a URI, a display name, parameters

struct Dialog {
    std::string call_id;
    std::string local_tag;
    std::string remote_tag;           // "" until there is a response with one
    std::string local;                // our From (or To) without tag: a name-addr
    std::string remote;               // that of the peer
    std::string remote_target;        // the URI in the peer's Contact
    std::vector<std::string> routes;  // values of Route in the order in which we send them: name-addrs
    std::uint32_t local_cseq = 0;     // of the last request that we sent
    std::optional<std::uint32_t> remote_cseq;

    friend bool operator==(const Dialog&, const Dialog&) = default;
};

// As UAS, §12.1.1. The error is the reason phrase of a 400.
std::expected<Dialog, sip::Reason> accept(const sip::Message& invite, std::string local_tag);

// As UAC, before any response. `target` is the Request-URI.
Dialog make(std::string call_id, std::string local_tag, std::string local, std::string remote, std::string target,
            std::uint32_t cseq);
// As UAC, still before any response: the INVITE has left with another From, To or Request-URI than make() was told.
void readdress(Dialog& dialog, const sip::Message& invite);
// As UAC, §12.1.2: the response's tag, target and route set. A Contact may be missing in a provisional
// response (the target is then that of before), not in a 2xx.
std::expected<void, sip::Reason> establish(Dialog& dialog, const sip::Message& response);

// Takes the target of a re-INVITE, or of the 2xx to one, when it has a Contact (§12.2.1.2, §12.2.2).
// An unusable one is an error and changes nothing.
std::expected<void, sip::Reason> refresh_target(Dialog& dialog, const sip::Message& message);

// True, and remembered, for a request in order; false for one of yesterday: 500 (§12.2.2).
bool take_cseq(Dialog& dialog, std::uint32_t cseq);

// Whether a request (tags seen from the peer) belongs to this dialog.
bool matches(const Dialog& dialog, const sip::Message& request);

// Starts a request within the dialog, §12.2.1.1: request line and Route by loose or strict routing, Via,
// From, To, Call-ID, CSeq, Max-Forwards. `via` is "SIP/2.0/UDP 192.0.2.1:5060".
struct RequestLine {
    std::string_view method;
    std::uint32_t cseq = 0;
    std::string_view branch;
    std::string_view via;
    std::uint8_t max_forwards = 70;
};
void begin_request(sip::MessageWriter& writer, const Dialog& dialog, const RequestLine& line);

// Where a request of this dialog goes (§12.2.1.1, §8.1.2): the first route, else the target. nullopt when
// that is a name (there is no DNS here), an address of another family than `family`, that of the leg's sip-interface,
// or one to which nothing of ours may go: then the caller sends to where the peer's messages come from.
struct Hop {
    Endpoint remote;
    std::optional<Transport> transport;  // none: the URI does not say
};
std::optional<Hop> next_hop(const Dialog& dialog, IpFamily family);

// What names it. Where that is known to the reader as well, it is left out.
struct Ids {
    std::string_view call_id;
    std::string_view local_tag;
    std::string_view remote_tag;
};
void write(ByteWriter& out, const Dialog& dialog, const Ids& known);
Dialog read_dialog(ByteReader& in, const Ids& known);  // the reader's `failed` tells

}  // namespace sallyport::dialog
