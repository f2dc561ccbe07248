#pragma once
// What of one leg's message goes into the message on the other leg. The caller writes what belongs to the
// dialog and the transaction (request line, Via, Max-Forwards, From and To with our tags, Call-ID, CSeq,
// Contact, Route, Content-*); everything else of the peer crosses here, by header_table.h, or not at all.
//
// Hosts: in addresses of identities (From, P-Asserted-Identity, Diversion, History-Info, Referred-By,
// Refer-To, Remote-Party-ID) every host becomes our own address on the outgoing interface: the other side
// knows nobody but us. To and Request-URI get the peer's. tel: has no host and stays; *.invalid stays
// (RFC 3323 §4.1.1.3); other schemes than sip, sips, tel and urn are dropped.
//
// A last line of defence: what passes unchanged (and display names, users, and kept parameters) is searched
// for the names of the side it comes from: addresses, hosts, Call-ID and tags that stand in the message, and
// the Side's own endpoints. What holds one is stripped. It cannot know names that the message does not tell.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "controlplane/policy/header_table.h"
#include "controlplane/sip/message.h"
#include "controlplane/sip/message_writer.h"
#include "platform/base/ip_address.h"
#include "platform/config/views.h"

namespace sallyport::policy {

class HiddenNames;  // hidden_names.h: of this message and passage

// One leg as the policy sees it.
struct Side {
    config::Trust trust = config::Trust::kUntrusted;
    bool pass_unknown_headers = false;
    Endpoint ours;  // our address on its sip interface
    Endpoint peer;  // where its messages go
};
Side make_side(const config::ControlView& view, std::uint16_t sip_interface, const Endpoint& peer);

// A message that comes from `from` and goes on to `to`.
struct Passage {
    Side from;
    Side to;
    // Further names of `from` that must not cross: the Call-ID and tags of that leg. "": none. Of longer life.
    std::array<std::string_view, 3> hidden{};
    // The message as it came, when inbound rules have changed it: what it tells of `from` is hidden all the same.
    const sip::Message* as_received = nullptr;
    Crossing crossing() const { return policy::crossing(from.trust, to.trust); }
};

// For an initial request on the other leg. All without tag and without parameters of ours. A sips: Request-URI stays
// one, and To with it: whoever sends it on has seen to TLS (RFC 5630).
class OutgoingAddresses {
public:
    std::string_view to() const { return std::string_view(texts_).substr(0, uri_); }
    std::string_view request_uri() const { return std::string_view(texts_).substr(uri_, from_ - uri_); }
    // `"Alice" <sip:100@198.51.100.1>`; anonymous when Privacy asks for it at a border (RFC 3323 §5.3).
    std::string_view from() const { return std::string_view(texts_).substr(from_); }

private:
    friend OutgoingAddresses outgoing_addresses(const sip::Message& request, const Passage& passage,
                                                const HiddenNames& hidden);
    std::string texts_;  // one after the other; where they begin:
    std::size_t uri_ = 0;
    std::size_t from_ = 0;
};
OutgoingAddresses outgoing_addresses(const sip::Message& request, const Passage& passage, const HiddenNames& hidden);

struct PassCounters {
    std::uint64_t passed = 0;
    std::uint64_t rewritten = 0;
    std::uint64_t stripped = 0;
    std::uint64_t withheld = 0;  // would have passed, but named the other side
    std::uint64_t cut = 0;       // fields that were left out, or lists that were shortened, beyond the bounds below
};

// What crosses of one message is bounded, so that the message that it goes into can be written, sent and parsed. No
// call needs half of it.
inline constexpr std::size_t kMostPassedFields = 128;
inline constexpr std::size_t kMostPassedElements = 64;  // of lists that are written anew
inline constexpr std::size_t kMostPassedBytes = std::size_t{16} * 1024;

// Writes every header of `message` that crosses, in the order received, From and To excepted. For requests
// and responses, initial and within a dialog. Adds to `counters`.
void append_passed(sip::MessageWriter& writer, const sip::Message& message, const Passage& passage,
                   const HiddenNames& hidden, PassCounters& counters);
void append_passed(sip::MessageWriter& writer, const sip::Message& message, const Passage& passage,
                   PassCounters& counters);

// What of its Reason crosses, as the value of one field for a message that takes nothing else of `message`: CANCEL, or
// a BYE that had to wait. "" when there is none.
std::string passed_reasons(const sip::Message& message, const Passage& passage);

// What we write ourselves in messages of either leg; for Allow see methods.h.
inline constexpr std::string_view kAccept = "application/sdp";
inline constexpr std::uint8_t kMaxForwards = 70;

// RFC 3261 §16.6: what goes into the request on the other leg. nullopt: 483. Absent: kMaxForwards.
std::optional<std::uint8_t> next_max_forwards(const sip::Message& request);

// The option tags of Require and Proxy-Require that we do not support, as the value of Unsupported in a 420
// (RFC 3261 §8.2.2.3); "" when there is none. We send neither Require nor Supported: no extension is ours yet.
std::string unsupported_options(const sip::Message& request);

}  // namespace sallyport::policy
