#include "controlplane/policy/passing.h"

#include <algorithm>
#include <utility>

#include "controlplane/policy/address_rewrite.h"
#include "controlplane/policy/hidden_names.h"
#include "controlplane/policy/line_ends.h"
#include "controlplane/sip/headers.h"

namespace sallyport::policy {

namespace {

using sip::HeaderId;

// What the user has asked for (RFC 3323 §4.2), and whether this is the border at which it is done: the next
// hop is not in the trust domain.
struct PrivacyWish {
    bool border = false;
    bool id = false;
    bool user = false;
    bool header = false;
    bool session = false;
    bool history = false;

    bool hides_history() const { return border && (history || header || session); }  // RFC 7044 §10.1.2
};

// Calls `f` with each priv-value; they are separated by ';' (RFC 3323 §4.2), by some with ','.
template <typename F>
void each_priv_value(const sip::Message& message, F f) {
    for (const auto element : message.values(HeaderId::kPrivacy)) {
        for (const auto& p : sip::ParamList(element)) f(p.name);
    }
}

PrivacyWish privacy_wish(const sip::Message& message, const Passage& passage) {
    PrivacyWish wish;
    wish.border = passage.to.trust == config::Trust::kUntrusted;
    each_priv_value(message, [&](std::string_view value) {
        wish.id |= sip::iequals(value, "id");
        wish.user |= sip::iequals(value, "user");
        wish.header |= sip::iequals(value, "header");
        wish.session |= sip::iequals(value, "session");
        wish.history |= sip::iequals(value, "history");
    });
    return wish;
}

// RFC 7044 §10.1.2: an entry whose URI carries a Privacy of its own, other than "none".
bool entry_is_private(std::string_view history_uri) {
    const auto uri = sip::Uri::parse(history_uri);
    if (!uri) return true;
    constexpr std::string_view kName = "privacy=";
    for (auto rest = uri->headers; !rest.empty();) {
        const auto end = std::min(rest.find('&'), rest.size());
        const auto one = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        if (sip::iequals(one.substr(0, kName.size()), kName)) return !sip::iequals(one.substr(kName.size()), "none");
    }
    return false;
}

bool is_session_id(std::string_view value) {
    // RFC 7989 §5: 32 lower-case hexadecimal digits, and those of the other end.
    const auto is_id = [](std::string_view s) {
        return s.size() == 32 && std::ranges::all_of(s, [](char c) { return sip::chars::is(c, sip::chars::kHex); });
    };
    constexpr std::string_view kRemote = ";remote=";
    if (!is_id(value.substr(0, 32))) return false;
    const auto rest = value.substr(32);
    return rest.empty() || (rest.starts_with(kRemote) && is_id(rest.substr(kRemote.size())));
}

// RFC 5393 §5.3.1; of two that differ nobody could say which holds.
bool is_breadth(std::string_view value) { return value.size() <= 5 && sip::parse_number(value, 65535); }

bool has_exact_form(const sip::HeaderField& field) {
    return field.id == HeaderId::kMaxBreadth ? field.next == 0 && is_breadth(field.value) : is_session_id(field.value);
}

void append_element(std::string& list, std::string_view element) {
    if (!list.empty()) list += ", ";
    list += element;
}

// Protocol and cause always; the text, and what else there is, unless it names the other side.
void append_reason(std::string& list, std::string_view element, const HiddenNames& hidden) {
    const auto reason = sip::parse_reason(element);
    if (!reason) return;
    if (!has_line_end(element) && !hidden.in(element)) return append_element(list, element);
    if (has_line_end(reason->protocol) || hidden.in(reason->protocol)) return;
    append_element(list, reason->protocol);
    if (reason->cause) list.append(";cause=").append(std::to_string(*reason->cause));
}

class Crosser {
public:
    Crosser(sip::MessageWriter& writer, const sip::Message& message, const Passage& passage, const HiddenNames& hidden,
            PassCounters& counters)
        : writer_(writer),
          message_(message),
          passage_(passage),
          counters_(counters),
          hidden_(hidden),
          wish_(privacy_wish(message, passage)) {}

    void run() {
        for (const auto& field : message_.fields()) cross(field);
    }

private:
    Rule rule(const sip::HeaderField& field, const HeaderRow* row) const;
    void cross(const sip::HeaderField& field);
    bool fits(const sip::HeaderField& field);
    template <typename F>
    void each_element(const sip::HeaderField& field, F f);
    void pass(const sip::HeaderField& field);
    void opaque(const sip::HeaderField& field);
    void rewrite(const sip::HeaderField& field, const HeaderRow& row);
    std::optional<std::string> rewritten(std::string_view element, const HeaderRow& row);
    void urns(const sip::HeaderField& field);
    void privacy(const sip::HeaderField& field);
    void reasons(const sip::HeaderField& field);
    void write(std::string_view name, const std::string& list);

    sip::MessageWriter& writer_;
    const sip::Message& message_;
    const Passage& passage_;
    PassCounters& counters_;
    const HiddenNames& hidden_;
    PrivacyWish wish_;
    bool asserted_sip_ = false;
    bool asserted_tel_ = false;
    std::size_t fields_ = 0;
    std::size_t elements_ = 0;
    std::size_t bytes_ = 0;
};

Rule Crosser::rule(const sip::HeaderField& field, const HeaderRow* row) const {
    if (row == nullptr) {
        return passage_.from.pass_unknown_headers && passage_.to.pass_unknown_headers ? Rule::kPass : Rule::kStrip;
    }
    // RFC 3325 §7, RFC 3323 §5: what the user wants hidden does not leave the trust domain.
    if (wish_.border) {
        const bool identity = field.id == HeaderId::kPAssertedIdentity || field.id == HeaderId::kRemotePartyId;
        if (wish_.id && identity) return Rule::kStrip;
        if (wish_.user && field.id == HeaderId::kSubject) return Rule::kStrip;
    }
    return rule_of(*row, message_.method(), passage_.crossing());
}

void Crosser::cross(const sip::HeaderField& field) {
    if (field.id == HeaderId::kFrom || field.id == HeaderId::kTo) return;
    const auto* row = find_header(field.id, field.name());
    const auto what = rule(field, row);
    if (what != Rule::kOwn && what != Rule::kStrip && !fits(field)) {
        ++counters_.cut;
        return;
    }
    switch (what) {
        case Rule::kOwn: return;
        case Rule::kStrip: ++counters_.stripped; return;
        case Rule::kPass: return pass(field);
        case Rule::kRewrite: return rewrite(field, *row);
        case Rule::kUrn: return urns(field);
        case Rule::kPrivacy: return privacy(field);
        case Rule::kReason: return reasons(field);
        case Rule::kFormat:
            if (has_exact_form(field)) return pass(field);
            ++counters_.stripped;
            return;
        case Rule::kOpaque: return opaque(field);
    }
}

// Counts what is looked at, not what is written: the search for names is bounded too.
bool Crosser::fits(const sip::HeaderField& field) {
    if (fields_ == kMostPassedFields || field.line.size() > kMostPassedBytes - bytes_) return false;
    ++fields_;
    bytes_ += field.line.size();
    return true;
}

template <typename F>
void Crosser::each_element(const sip::HeaderField& field, F f) {
    for (const auto element : sip::CommaList(field.value)) {
        if (elements_ == kMostPassedElements) {
            ++counters_.cut;
            return;
        }
        ++elements_;
        f(element);
    }
}

// The elements of one field stay in one field.
void Crosser::write(std::string_view name, const std::string& list) {
    if (!list.empty()) writer_.header(name, list);
    ++(list.empty() ? counters_.stripped : counters_.rewritten);
}

void Crosser::pass(const sip::HeaderField& field) {
    if (has_line_end(field.line) || hidden_.in(field.line)) {
        ++counters_.withheld;
        return;
    }
    // One line, whatever it was: whoever does not know of folds would read two (RFC 3261 §7.3.1).
    writer_.header(field.name(), field.value);
    ++counters_.passed;
}

void Crosser::opaque(const sip::HeaderField& field) {
    if (has_line_end(field.value) || hidden_.named_in(field.value)) {
        ++counters_.withheld;
        return;
    }
    writer_.header(field.name(), field.value);
    ++counters_.passed;
}

void Crosser::rewrite(const sip::HeaderField& field, const HeaderRow& row) {
    std::string list;
    each_element(field, [&](std::string_view element) {
        if (const auto out = rewritten(element, row)) append_element(list, *out);
    });
    write(row.name, list);
}

std::optional<std::string> Crosser::rewritten(std::string_view element, const HeaderRow& row) {
    const auto address = sip::parse_name_addr(element);
    if (!address) return std::nullopt;
    AddressRewrite how;
    how.host = passage_.to.ours;
    how.params = row.params;
    const auto privacy = address->params.value("privacy");
    const bool full = sip::iequals(privacy, "full");
    switch (row.id) {
        case HeaderId::kPAssertedIdentity: {
            // RFC 3325 §9.1: one sip or sips and one tel at most.
            const auto uri = sip::Uri::parse(address->uri);
            if (!uri || (!uri->is_sip() && uri->scheme != sip::UriScheme::kTel)) return std::nullopt;
            bool& asserted = uri->is_sip() ? asserted_sip_ : asserted_tel_;
            if (std::exchange(asserted, true)) return std::nullopt;
            break;
        }
        case HeaderId::kRemotePartyId:
            if (wish_.border && !privacy.empty() && !sip::iequals(privacy, "off")) return std::nullopt;
            break;
        case HeaderId::kDiversion:  // RFC 5806 §4
            how.anonymous_uri = wish_.border && (full || sip::iequals(privacy, "uri"));
            how.anonymous_display = wish_.border && (full || sip::iequals(privacy, "name"));
            break;
        case HeaderId::kHistoryInfo: {
            how.anonymous_uri = wish_.hides_history() || (wish_.border && entry_is_private(address->uri));
            how.anonymous_display = how.anonymous_uri;
            how.history_headers = true;
            break;
        }
        default: break;
    }
    return rewritten_address(*address, how, hidden_);
}

void Crosser::urns(const sip::HeaderField& field) {
    std::string list;
    each_element(field, [&](std::string_view element) {
        const auto address = sip::parse_name_addr(element);
        const auto uri = address ? sip::Uri::parse(address->uri) : std::unexpected(sip::Reason());
        if (!uri || !sip::iequals(uri->scheme_text, "urn") || hidden_.in(element)) return;
        append_element(list, element);
    });
    write(sip::header_name(field.id), list);
}

void Crosser::privacy(const sip::HeaderField& field) {
    // RFC 3323 §5: a privacy service takes out the values that it has acted on. Session privacy is what an SBC
    // does anyway; `id` stays, for the next element may have identities of its own.
    std::string out;
    for (const auto element : sip::CommaList(field.value)) {
        for (const auto& p : sip::ParamList(element)) {
            if (!sip::is_token(p.name) || hidden_.in(p.name)) continue;
            if (wish_.border && in_word_list("user header session history", p.name)) continue;
            if (!out.empty()) out += ';';
            out += p.name;
        }
    }
    // "critical" alone asks for nothing.
    if (sip::iequals(out, "critical")) out.clear();
    write(sip::header_name(HeaderId::kPrivacy), out);
}

void Crosser::reasons(const sip::HeaderField& field) {
    std::string list;
    each_element(field, [&](std::string_view element) { append_reason(list, element, hidden_); });
    write(sip::header_name(HeaderId::kReason), list);
}

std::string bare_uri(const Endpoint& host) {
    std::string out = "sip:";
    sip::append_host_port(out, host.address.text(), host.port == 5060 ? std::uint16_t{0} : host.port);
    return out;
}

}  // namespace

Side make_side(const config::ControlView& view, std::uint16_t sip_interface, const Endpoint& peer) {
    const auto& interface = view.sip_interfaces.at(sip_interface);
    const auto& realm = view.realms.at(interface.realm);
    return {.trust = realm.trust,
            .pass_unknown_headers = realm.pass_unknown_headers,
            .ours = interface.local,
            .peer = peer};
}

OutgoingAddresses outgoing_addresses(const sip::Message& request, const Passage& passage, const HiddenNames& hidden) {
    constexpr std::size_t kUsualRest = 128;  // other hosts, and the signs
    OutgoingAddresses out;
    auto& texts = out.texts_;
    texts.reserve(request.request_uri().size() + request.value(HeaderId::kTo).size() +
                  request.value(HeaderId::kFrom).size() + kUsualRest);
    const auto append = [&](const sip::NameAddr& address, const AddressRewrite& as) {
        if (!append_rewritten(texts, address, as, hidden)) texts.append("<").append(bare_uri(as.host)).append(">");
    };
    AddressRewrite how;
    how.host = passage.to.peer;
    how.keep_user = true;
    how.keep_sips = request.uri().scheme == sip::UriScheme::kSips;  // else nobody has promised it
    append(request.to(), how);
    out.uri_ = texts.size();
    how.tel_as_sip = true;
    if (!append_uri(texts, request.uri(), how, hidden)) texts += bare_uri(how.host);
    out.from_ = texts.size();
    if (const auto wish = privacy_wish(request, passage); wish.border && wish.user) {
        // RFC 3323 §4.1.1.3
        texts.append("\"Anonymous\" <").append(kAnonymousUri).append(">");
        return out;
    }
    AddressRewrite ours;
    ours.host = passage.to.ours;
    append(request.from(), ours);
    return out;
}

void append_passed(sip::MessageWriter& writer, const sip::Message& message, const Passage& passage,
                   const HiddenNames& hidden, PassCounters& counters) {
    Crosser(writer, message, passage, hidden, counters).run();
}

void append_passed(sip::MessageWriter& writer, const sip::Message& message, const Passage& passage,
                   PassCounters& counters) {
    append_passed(writer, message, passage, HiddenNames(message, passage), counters);
}

std::string passed_reasons(const sip::Message& message, const Passage& passage) {
    std::string list;
    if (!message.has(HeaderId::kReason)) return list;
    const HiddenNames hidden(message, passage);
    std::size_t elements = 0;
    for (const auto element : message.values(HeaderId::kReason)) {
        if (elements++ == kMostPassedElements || list.size() + element.size() > kMostPassedBytes) break;
        append_reason(list, element, hidden);
    }
    return list;
}

std::optional<std::uint8_t> next_max_forwards(const sip::Message& request) {
    if (!request.max_forwards()) return kMaxForwards;
    if (*request.max_forwards() == 0) return std::nullopt;
    return static_cast<std::uint8_t>(*request.max_forwards() - 1);
}

std::string unsupported_options(const sip::Message& request) {
    std::string out;
    for (const auto id : {HeaderId::kRequire, HeaderId::kProxyRequire}) {
        for (const auto option : request.values(id)) {
            // RFC 3323 §4.2: asks for a privacy service on the way, which this is.
            if (sip::iequals(option, "privacy")) continue;
            if (!out.empty()) out += ", ";
            out += option;
        }
    }
    return out;
}

}  // namespace sallyport::policy
