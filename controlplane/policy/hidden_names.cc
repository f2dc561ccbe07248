#include "controlplane/policy/hidden_names.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <utility>

#include "platform/base/host_text.h"

namespace sallyport::policy {

namespace {

using sip::HeaderId;

// Shorter ones would be found in texts that have nothing to do with them.
constexpr std::size_t kShortest = 4;
// A longer one makes the message one that tells too many: an index into it fits one byte.
constexpr std::size_t kLongest = 255;

// Of Via, Contact, Path and so on, together.
constexpr std::size_t kMostElements = 256;
// For all searches of one message: some 0.5 ms. Sixty names and texts of 8 KiB are within it.
constexpr std::size_t kMostCharacters = std::size_t{512} * 1024;
// What a search costs beside the text, in characters.
constexpr std::size_t kSearchCost = 8;

bool is_word(char c) { return sip::is_digit(c) || (sip::lower(c) >= 'a' && sip::lower(c) <= 'z') || c == '-'; }

std::string lower_case(std::string_view text) {
    std::string out(text);
    for (auto& c : out) c = sip::lower(c);
    return out;
}

// Knuth, Morris and Pratt: of each beginning of `text`, its longest proper beginning that is its end.
std::array<std::uint8_t, kLongest> borders_of(std::string_view text) {
    std::array<std::uint8_t, kLongest> out;
    out[0] = 0;
    for (std::size_t i = 1, length = 0; i < text.size(); ++i) {
        while (length > 0 && text[i] != text[length]) length = out[length - 1];
        if (text[i] == text[length]) ++length;
        out[i] = static_cast<std::uint8_t>(length);
    }
    return out;
}

// As a whole word. Both in lower case.
bool stands_in(std::string_view text, std::string_view word) {
    // Nearly always the end of it, at a fraction of what follows; but not linear in what a peer may choose.
    constexpr std::size_t kShortText = 512;
    if (text.size() <= kShortText && memmem(text.data(), text.size(), word.data(), word.size()) == nullptr)
        return false;
    const auto borders = borders_of(word);
    std::size_t length = 0;  // of the word's beginning that ends at text[i]
    for (std::size_t i = 0; i < text.size(); ++i) {
        while (length > 0 && text[i] != word[length]) length = borders[length - 1];
        if (text[i] == word[length]) ++length;
        if (length < word.size()) continue;
        const auto begin = i + 1 - word.size();
        const bool before = begin > 0 && is_word(text[begin - 1]) && is_word(word.front());
        const bool after = i + 1 < text.size() && is_word(text[i + 1]) && is_word(word.back());
        if (!before && !after) return true;
        length = borders[length - 1];
    }
    return false;
}

// Of a whole text that is an IPv6 address; "" if it is none.
std::string canonical_ipv6(std::string_view text) {
    if (const auto colon = text.find(':'); colon == text.npos || !text.substr(colon + 1).contains(':')) return {};
    const auto address = IpAddress::parse(text);
    return address ? address->text() : std::string();
}

// Whether `is_it` holds for an IPv6 address in `text`, however it is written there (RFC 4291 §2.2); it gets the form of
// RFC 5952. `text` in lower case.
template <typename Predicate>
bool any_ipv6_in(std::string_view text, const Predicate& is_it) {
    const auto of_address = [](char c) { return sip::is_digit(c) || (c >= 'a' && c <= 'f') || c == ':' || c == '.'; };
    for (std::size_t begin = 0; begin < text.size(); ++begin) {
        if (!of_address(text[begin])) continue;
        auto end = begin;
        while (end < text.size() && of_address(text[end])) ++end;
        const auto canonical = canonical_ipv6(text.substr(begin, end - begin));
        if (!canonical.empty() && is_it(canonical)) return true;
        begin = end;
    }
    return false;
}

}  // namespace

HiddenNames::HiddenNames(const sip::Message& message, const Passage& passage)
    : message_(message), passage_(passage), any_host_(passage.crossing() != Crossing::kTrustedToTrusted) {}

const HiddenNames::Gathered& HiddenNames::gathered() const {
    if (!gathered_) gather(gathered_.emplace());
    return *gathered_;
}

void HiddenNames::gather(Gathered& out) const {
    out.our_address = passage_.to.ours.address.text();
    out.peer_address = passage_.to.peer.address.text();
    add(out, passage_.from.ours.address.text());
    add(out, passage_.from.peer.address.text());
    for (const auto& name : passage_.hidden) add(out, name);
    gather(out, message_);
    if (passage_.as_received != nullptr) gather(out, *passage_.as_received);
    out.too_many |= out.elements > kMostElements;
}

void HiddenNames::gather(Gathered& out, const sip::Message& message) const {
    add(out, message.call_id());
    if (const auto at = message.call_id().find('@'); at != std::string_view::npos)
        add(out, message.call_id().substr(at + 1));
    add(out, message.from_tag());
    add(out, message.to_tag());
    add(out, message.value(HeaderId::kUserAgent));
    add(out, message.value(HeaderId::kServer));
    if (message.is_request()) add(out, message.uri().host.host);
    const auto add_via = [&](const sip::Via& via) {
        add(out, via.sent_by.host);
        add(out, via.received);
        add(out, via.branch);
    };
    bool first = true;  // the message has read it
    for (const auto element : message.values(HeaderId::kVia)) {
        if (out.too_many || ++out.elements > kMostElements) break;
        if (std::exchange(first, false))
            add_via(message.top_via());
        else if (const auto via = sip::parse_via(element))
            add_via(*via);
    }
    // So it has these, of which there is one each.
    for (const auto* address : {&message.from(), &message.to()})
        if (!out.too_many && ++out.elements <= kMostElements) add_host(out, address->uri);
    for (const auto id : {HeaderId::kContact, HeaderId::kRecordRoute, HeaderId::kRoute, HeaderId::kPAssertedIdentity,
                          HeaderId::kPath, HeaderId::kServiceRoute}) {
        for (const auto element : message.values(id)) {
            if (out.too_many || ++out.elements > kMostElements) break;
            if (const auto address = sip::parse_name_addr(element)) add_host(out, address->uri);
        }
    }
}

void HiddenNames::add(Gathered& out, std::string_view name) const {
    if (name.size() < kShortest || out.too_many) return;
    // An IPv6 address can be written in many ways: as a name it has one, and in texts each is looked for.
    const auto canonical = canonical_ipv6(name);
    if (!canonical.empty()) name = canonical;
    // Names of the outgoing side are no secret there.
    if (sip::iequals(out.our_address, name) || sip::iequals(out.peer_address, name)) return;
    if (name.size() > kLongest) {
        out.too_many = true;
        return;
    }
    const auto begin = out.letters.size();
    out.letters.extend(name.size(), [name](char* at) {
        std::ranges::transform(name, at, sip::lower);
        return name.size();
    });
    const Name made{static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(name.size())};
    const auto same = [&](const Name& known) { return out.text(known) == out.text(made); };
    if (std::ranges::any_of(out.names(), same)) return out.letters.truncate(begin);
    if (out.count == kMostNames) {
        out.too_many = true;
        return;
    }
    out.places[out.count++] = made;
}

void HiddenNames::add_host(Gathered& out, std::string_view uri) const {
    if (const auto parsed = sip::Uri::parse(uri); parsed && parsed->is_sip()) add(out, parsed->host.host);
}

// Counts a search of `text` for all names; false when the message has had its share.
bool HiddenNames::affordable(std::string_view text) const {
    characters_ += gathered().count * (text.size() + kSearchCost);
    return characters_ <= kMostCharacters;
}

// `fewest_dots` 0: host names that the message does not tell are not looked for.
bool HiddenNames::plainly_in(std::string_view text, int fewest_dots) const {
    if (any_host_ && fewest_dots > 0 && mentions_address(text, fewest_dots)) return true;
    const auto lower_text = lower_case(text);
    const auto& names = gathered();
    if (std::ranges::any_of(names.names(), [&](const Name& name) { return stands_in(lower_text, names.text(name)); }))
        return true;
    return any_ipv6_in(lower_text, [&](std::string_view canonical) {
        return std::ranges::any_of(names.names(), [&](const Name& name) { return names.text(name) == canonical; });
    });
}

bool HiddenNames::found(std::string_view text, int fewest_dots) const {
    if (gathered().too_many) return true;
    if (!affordable(text) || plainly_in(text, fewest_dots)) return true;
    if (text.find('%') == std::string_view::npos) return false;
    return !affordable(text) || plainly_in(sip::unescaped(text), fewest_dots);
}

bool HiddenNames::in(std::string_view text) const { return found(text, 1); }

bool HiddenNames::in_display(std::string_view text) const { return found(text, 2); }

bool HiddenNames::named_in(std::string_view text) const { return found(text, 0); }

}  // namespace sallyport::policy
