#include "controlplane/policy/hidden_names.h"

#include <algorithm>
#include <utility>

#include "platform/base/host_text.h"

namespace sallyport::policy {

namespace {

using sip::HeaderId;

// Shorter ones would be found in texts that have nothing to do with them.
constexpr std::size_t kShortest = 4;
// Bounds the search: a message with ten Via and as many routes has some 60. One with more tells nothing.
constexpr std::size_t kMostNames = 96;

// A longer one makes the message one that tells too many: an index into it fits one byte.
constexpr std::size_t kLongest = 255;

bool is_word(char c) { return sip::is_digit(c) || (sip::lower(c) >= 'a' && sip::lower(c) <= 'z') || c == '-'; }

std::string lower_case(std::string_view text) {
    std::string out(text);
    for (auto& c : out) c = sip::lower(c);
    return out;
}

std::vector<std::uint8_t> borders_of(std::string_view text) {
    std::vector<std::uint8_t> out(text.size());
    for (std::size_t i = 1, length = 0; i < text.size(); ++i) {
        while (length > 0 && text[i] != text[length]) length = out[length - 1];
        if (text[i] == text[length]) ++length;
        out[i] = static_cast<std::uint8_t>(length);
    }
    return out;
}

}  // namespace

HiddenNames::HiddenNames(const sip::Message& message, const Passage& passage)
    : any_host_(passage.crossing() != Crossing::kTrustedToTrusted),
      known_there_{passage.to.ours.address.text(), passage.to.peer.address.text()} {
    add(passage.from.ours.address.text());
    add(passage.from.peer.address.text());
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
    if (name.size() < kShortest || too_many_) return;
    if (std::ranges::any_of(known_there_, [&](const std::string& k) { return sip::iequals(k, name); })) return;
    if (name.size() > kLongest) {
        too_many_ = true;
        return;
    }
    auto text = lower_case(name);
    if (std::ranges::find(names_, text, &Name::text) != names_.end()) return;
    if (names_.size() >= kMostNames) {
        too_many_ = true;
        return;
    }
    auto borders = borders_of(text);
    names_.push_back({std::move(text), std::move(borders)});
}

// As a whole word.
bool HiddenNames::stands_in(std::string_view text, const Name& name) {
    const std::string_view word = name.text;
    std::size_t length = 0;  // of the word's beginning that ends at text[i]
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (length == 0) {
            i = text.find(word.front(), i);
            if (i == std::string_view::npos) return false;
        }
        while (length > 0 && text[i] != word[length]) length = name.borders[length - 1];
        if (text[i] == word[length]) ++length;
        if (length < word.size()) continue;
        const auto begin = i + 1 - word.size();
        const bool before = begin > 0 && is_word(text[begin - 1]) && is_word(word.front());
        const bool after = i + 1 < text.size() && is_word(text[i + 1]) && is_word(word.back());
        if (!before && !after) return true;
        length = name.borders[length - 1];
    }
    return false;
}

void HiddenNames::add_host(std::string_view uri) {
    if (const auto parsed = sip::Uri::parse(uri); parsed && parsed->is_sip()) add(parsed->host.host);
}

// `fewest_dots` 0: host names that the message does not tell are not looked for.
bool HiddenNames::plainly_in(std::string_view text, int fewest_dots) const {
    if (any_host_ && fewest_dots > 0 && mentions_address(text, fewest_dots)) return true;
    const auto lower_text = lower_case(text);
    return std::ranges::any_of(names_, [&](const Name& name) { return stands_in(lower_text, name); });
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
