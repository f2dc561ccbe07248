#include "controlplane/policy/address_rewrite.h"

#include "controlplane/policy/line_ends.h"

namespace sallyport::policy {

namespace {

constexpr std::uint16_t kSipPort = 5060;
constexpr std::uint16_t kSipsPort = 5061;

// URI parameters that say something about the user or the number, and nothing about a host.
constexpr std::string_view kUriParams = "user isub isub-encoding postd ext npdi rn cic cause verstat";

// A parameter of a number (RFC 3966 §5): the same list, and a phone-context that is a number itself, not a domain.
bool number_param_passes(const sip::Param& p, const HiddenNames& hidden) {
    if (sip::iequals(p.name, "phone-context")) return p.value.starts_with('+');
    return in_word_list(kUriParams, p.name) && !has_line_end(p.raw) && !hidden.in(p.raw);
}

void append_params(std::string& out, const sip::ParamList& params, const HiddenNames& hidden) {
    for (const auto& p : params) {
        if (number_param_passes(p, hidden)) out.append(";").append(p.raw);
    }
}

// The user may be a number with parameters, `+4989;phone-context=pbx.example`.
void append_user(std::string& out, std::string_view user, const AddressRewrite& rewrite, const HiddenNames& hidden) {
    const auto semicolon = user.find(';');
    auto name = user.substr(0, semicolon);
    if (!rewrite.keep_user) {
        // `alice%40pbx.example`: an address within the user.
        if (hidden.any_host() || hidden.named_in(name)) name = name.substr(0, name.find("%40"));
        if (name.empty() || has_line_end(name) || hidden.named_in(name)) name = "anonymous";
    }
    out += name;
    if (semicolon == std::string_view::npos) return;
    for (const auto& p : sip::ParamList(user.substr(semicolon))) {
        // Of the called one all of the user is its own (RFC 4475 §3.1.1.9, semiuri).
        const bool own = rewrite.keep_user && !sip::iequals(p.name, "phone-context") && !hidden.in(p.raw);
        if (own || number_param_passes(p, hidden)) out.append(";").append(p.raw);
    }
}

// `usual`: the port that goes without saying (RFC 3261 §19.1.2).
void append_host(std::string& out, const Endpoint& host, std::uint16_t usual = kSipPort) {
    sip::append_host_port(out, host.address.text(), host.port == usual ? std::uint16_t{0} : host.port);
}

bool is_invalid_host(std::string_view host) {
    constexpr std::string_view kSuffix = ".invalid";  // RFC 2606 §2
    return host.size() > kSuffix.size() && sip::iequals(host.substr(host.size() - kSuffix.size()), kSuffix);
}

// `?Reason=SIP%3Bcause%3D302&Privacy=history`
void append_history_headers(std::string& out, std::string_view headers, const HiddenNames& hidden) {
    char separator = '?';
    while (!headers.empty()) {
        const auto end = std::min(headers.find('&'), headers.size());
        const auto one = headers.substr(0, end);
        headers.remove_prefix(std::min(end + 1, headers.size()));
        const auto name = one.substr(0, one.find('='));
        if (!in_word_list("Reason Privacy", name) || has_line_end(one) || hidden.in(one)) continue;
        out += separator;
        out += one;
        separator = '&';
    }
}

bool append_sip(std::string& out, const sip::Uri& uri, const AddressRewrite& rewrite, const HiddenNames& hidden) {
    const bool sips = rewrite.keep_sips && uri.scheme == sip::UriScheme::kSips;
    out += sips ? "sips:" : "sip:";
    if (uri.has_user) {
        append_user(out, uri.user, rewrite, hidden);
        out += '@';
    }
    if (is_invalid_host(uri.host.host)) {
        out += uri.host.host;
    } else {
        append_host(out, rewrite.host, sips ? kSipsPort : kSipPort);
    }
    append_params(out, uri.params, hidden);
    if (rewrite.history_headers) append_history_headers(out, uri.headers, hidden);
    return true;
}

bool append_tel(std::string& out, const sip::Uri& uri, const AddressRewrite& rewrite, const HiddenNames& hidden) {
    out += rewrite.tel_as_sip ? "sip:" : "tel:";
    out += uri.opaque;
    append_params(out, uri.params, hidden);
    if (rewrite.tel_as_sip) {
        out += '@';
        append_host(out, rewrite.host);
        out += ";user=phone";
    }
    return true;
}

}  // namespace

bool in_word_list(std::string_view list, std::string_view word) {
    while (!list.empty()) {
        const auto end = std::min(list.find(' '), list.size());
        if (sip::iequals(list.substr(0, end), word)) return true;
        list.remove_prefix(std::min(end + 1, list.size()));
    }
    return false;
}

bool append_uri(std::string& out, const sip::Uri& uri, const AddressRewrite& rewrite, const HiddenNames& hidden) {
    if (rewrite.anonymous_uri) {
        out += kAnonymousUri;
        return true;
    }
    if (uri.is_sip()) return append_sip(out, uri, rewrite, hidden);
    if (uri.scheme == sip::UriScheme::kTel) return append_tel(out, uri, rewrite, hidden);
    if (!sip::iequals(uri.scheme_text, "urn") || hidden.in(uri.text)) return false;
    out += uri.text;
    return true;
}

bool append_rewritten(std::string& out, const sip::NameAddr& address, const AddressRewrite& rewrite,
                      const HiddenNames& hidden) {
    const auto uri = sip::Uri::parse(address.uri);
    if (!uri) return false;
    const auto before = out.size();
    if (!address.display.empty() && !rewrite.anonymous_display && !has_line_end(address.display) &&
        !hidden.in_display(address.display)) {
        sip::append_unfolded(out, address.display);
        out += ' ';
    }
    out += '<';
    if (!append_uri(out, *uri, rewrite, hidden)) {
        out.resize(before);
        return false;
    }
    out += '>';
    for (const auto& p : address.params) {
        if (!in_word_list(rewrite.params, p.name) || has_line_end(p.raw) || hidden.in(p.raw)) continue;
        out.append(";").append(p.raw);
    }
    return true;
}

std::optional<std::string> rewritten_address(const sip::NameAddr& address, const AddressRewrite& rewrite,
                                             const HiddenNames& hidden) {
    constexpr std::size_t kUsualRest = 48;  // another host, and the signs
    std::string out;
    out.reserve(address.display.size() + address.uri.size() + kUsualRest);
    if (!append_rewritten(out, address, rewrite, hidden)) return std::nullopt;
    return out;
}

}  // namespace sallyport::policy
