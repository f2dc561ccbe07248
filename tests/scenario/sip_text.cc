#include "tests/scenario/sip_text.h"

#include <algorithm>
#include <cctype>

namespace sallyport::scenario {

bool same_name(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b,
                              [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::optional<SipText> SipText::parse(std::string_view text) {
    const auto end = text.find("\r\n\r\n");
    if (end == std::string_view::npos) return std::nullopt;
    SipText out;
    out.body = text.substr(end + 4);
    auto head = text.substr(0, end + 2);
    const auto line = [&head] {
        const auto at = head.find("\r\n");
        const auto l = head.substr(0, at);
        head.remove_prefix(at + 2);
        return l;
    };
    out.start = line();
    while (!head.empty()) {
        const auto l = line();
        const auto colon = l.find(':');
        if (colon == std::string_view::npos) return std::nullopt;
        const auto value = l.substr(std::min(l.find_first_not_of(' ', colon + 1), l.size()));
        out.headers.emplace_back(l.substr(0, colon), value);
    }
    if (out.get("Content-Length") != std::to_string(out.body.size())) return std::nullopt;
    return out;
}

std::string SipText::write() const {
    std::string out = start + "\r\n";
    for (const auto& [name, value] : headers) {
        if (!same_name(name, "Content-Length")) out += name + ": " + value + "\r\n";
    }
    return out + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string SipText::uri() const {
    const auto from = start.find(' ') + 1;
    return start.substr(from, start.find(' ', from) - from);
}

std::string SipText::get(std::string_view name) const {
    for (const auto& [n, value] : headers) {
        if (same_name(n, name)) return value;
    }
    return {};
}

std::vector<std::string> SipText::all(std::string_view name) const {
    std::vector<std::string> out;
    for (const auto& [n, value] : headers) {
        if (same_name(n, name)) out.push_back(value);
    }
    return out;
}

void SipText::remove(std::string_view name) {
    std::erase_if(headers, [&](const auto& h) { return same_name(h.first, name); });
}

std::string SipText::cseq_method() const {
    const auto v = get("CSeq");
    return v.substr(v.find(' ') + 1);
}

unsigned SipText::cseq() const { return static_cast<unsigned>(std::stoul(get("CSeq"))); }

std::string SipText::branch() const { return parameter(get("Via"), "branch"); }

std::string parameter(std::string_view value, std::string_view name) {
    // Parameters of the header, not of the URI within brackets.
    if (const auto close = value.find('>'); close != std::string_view::npos) value.remove_prefix(close);
    const auto key = ";" + std::string(name) + "=";
    const auto at = value.find(key);
    if (at == std::string_view::npos) return {};
    const auto begin = at + key.size();
    return std::string(value.substr(begin, value.find_first_of(";, ", begin) - begin));
}

std::string inside_brackets(std::string_view value) {
    const auto open = value.find('<');
    if (open == std::string_view::npos) return std::string(value.substr(0, value.find(';')));
    return std::string(value.substr(open + 1, value.find('>') - open - 1));
}

}  // namespace sallyport::scenario
