#include "controlplane/policy/hidden_names.h"

#include <algorithm>

#include "platform/base/host_text.h"

namespace sallyport::policy {

namespace {

using sip::HeaderId;

// Shorter ones would be found in texts that have nothing to do with them.
constexpr std::size_t kShortest = 4;
// Bounds the search: a message with ten Via and as many routes has some 60. One with more tells nothing.
constexpr std::size_t kMostNames = 96;

bool is_word(char c) { return sip::is_digit(c) || (sip::lower(c) >= 'a' && sip::lower(c) <= 'z') || c == '-'; }

// Case-insensitive, as a whole word.
bool contains_word(std::string_view text, std::string_view word) {
    for (std::size_t i = 0; i + word.size() <= text.size(); ++i) {
        if (sip::lower(text[i]) != sip::lower(word[0]) || !sip::iequals(text.substr(i, word.size()), word)) continue;
        const bool before = i > 0 && is_word(text[i - 1]) && is_word(word.front());
        const auto end = i + word.size();
        const bool after = end < text.size() && is_word(text[end]) && is_word(word.back());
        if (!before && !after) return true;
    }
    return false;
}

}  // namespace

HiddenNames::HiddenNames(const sip::Message& message, const Passage& passage)
    : any_host_(passage.crossing() != Crossing::kTrustedToTrusted),
      own_{passage.from.ours.address.text(), passage.from.peer.address.text()},
      known_there_{passage.to.ours.address.text(), passage.to.peer.address.text()} {
    for (const auto& name : own_) add(name);
    for (const auto& name : passage.hidden) add(name);
    add(message.call_id());
    if (const auto at = message.call_id().find('@'); at != std::string_view::npos)
        add(message.call_id().substr(at + 1));
    add(message.from_tag());
    add(message.to_tag());
    add(message.value(HeaderId::kUserAgent));
    add(message.value(HeaderId::kServer));
    if (message.is_request()) add(message.uri().host.host);
    for (const auto element : message.values(HeaderId::kVia)) {
        const auto via = sip::parse_via(element);
        if (!via) continue;
        add(via->sent_by.host);
        add(via->received);
        add(via->branch);
    }
    for (const auto id : {HeaderId::kFrom, HeaderId::kTo, HeaderId::kContact, HeaderId::kRecordRoute, HeaderId::kRoute,
                          HeaderId::kPAssertedIdentity, HeaderId::kPath, HeaderId::kServiceRoute}) {
        for (const auto element : message.values(id)) {
            if (const auto address = sip::parse_name_addr(element)) add_host(address->uri);
        }
    }
}

void HiddenNames::add(std::string_view name) {
    if (name.size() < kShortest) return;
    if (std::ranges::any_of(known_there_, [&](const std::string& k) { return sip::iequals(k, name); })) return;
    if (std::ranges::find(names_, name) != names_.end()) return;
    if (names_.size() >= kMostNames) {
        too_many_ = true;
        return;
    }
    names_.push_back(name);
}

void HiddenNames::add_host(std::string_view uri) {
    if (const auto parsed = sip::Uri::parse(uri); parsed && parsed->is_sip()) add(parsed->host.host);
}

// `fewest_dots` 0: host names that the message does not tell are not looked for.
bool HiddenNames::plainly_in(std::string_view text, int fewest_dots) const {
    return (any_host_ && fewest_dots > 0 && mentions_address(text, fewest_dots)) ||
           std::ranges::any_of(names_, [&](std::string_view name) { return contains_word(text, name); });
}

bool HiddenNames::found(std::string_view text, int fewest_dots) const {
    if (too_many_) return true;
    if (plainly_in(text, fewest_dots)) return true;
    return text.find('%') != std::string_view::npos && plainly_in(sip::unescaped(text), fewest_dots);
}

bool HiddenNames::in(std::string_view text) const { return found(text, 1); }

bool HiddenNames::in_display(std::string_view text) const { return found(text, 2); }

bool HiddenNames::named_in(std::string_view text) const { return found(text, 0); }

}  // namespace sallyport::policy
