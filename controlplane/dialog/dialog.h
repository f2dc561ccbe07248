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
#include "platform/base/shared_texts.h"
#include "platform/base/transport.h"

namespace sallyport::dialog {

// A peer's text that we keep is bounded: a longer one refuses the message.
inline constexpr std::size_t kMaxRoutes = 16;
inline constexpr std::size_t kMaxUri = 1024;
inline constexpr std::size_t kMaxIdentifier = 1024;  // Call-ID, tags
inline constexpr std::size_t kMaxAddress = 2048;     // From, To: a URI, a display name, parameters

class Dialog {
public:
    // Valid until the next change of any of them.
    std::string_view call_id() const { return texts_[kCallId]; }
    std::string_view local_tag() const { return texts_[kLocalTag]; }
    std::string_view remote_tag() const { return texts_[kRemoteTag]; }  // "" until there is a response with one
    std::string_view local() const { return texts_[kLocal]; }           // our From (or To) without tag: a name-addr
    std::string_view remote() const { return texts_[kRemote]; }         // that of the peer
    std::string_view remote_target() const { return texts_[kRemoteTarget]; }  // the URI in the peer's Contact

    struct Texts {
        std::string_view call_id;
        std::string_view local_tag;
        std::string_view remote_tag;
        std::string_view local;
        std::string_view remote;
        std::string_view remote_target;
    };
    Texts texts() const { return {call_id(), local_tag(), remote_tag(), local(), remote(), remote_target()}; }
    // All at once: they are one piece of memory, which copies share.
    void set(const Texts& t) {
        texts_.assign({t.call_id, t.local_tag, t.remote_tag, t.local, t.remote, t.remote_target});
    }
    void set_local_tag(std::string_view tag) { texts_.set(kLocalTag, tag); }
    void set_remote_tag(std::string_view tag) { texts_.set(kRemoteTag, tag); }
    void set_local(std::string_view address) { texts_.set(kLocal, address); }
    void set_remote_target(std::string_view uri) { texts_.set(kRemoteTarget, uri); }

    std::vector<std::string> routes;  // values of Route in the order in which we send them: name-addrs
    std::uint32_t local_cseq = 0;     // of the last request that we sent
    std::optional<std::uint32_t> remote_cseq;

    friend bool operator==(const Dialog&, const Dialog&) = default;

private:
    enum Text : std::uint8_t { kCallId, kLocalTag, kRemoteTag, kLocal, kRemote, kRemoteTarget, kTexts };
    SharedTexts<kTexts> texts_;
};

// As UAS, §12.1.1. The error is the reason phrase of a 400.
std::expected<Dialog, sip::Reason> accept(const sip::Message& invite, std::string_view local_tag);

// As UAC, before any response. `target` is the Request-URI.
Dialog make(std::string_view call_id, std::string_view local_tag, std::string_view local, std::string_view remote,
            std::string_view target, std::uint32_t cseq);
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
