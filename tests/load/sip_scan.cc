#include "tests/load/sip_scan.h"

#include <array>
#include <charconv>
#include <cstring>
#include <utility>

namespace sallyport::load {

namespace {

struct Named {
    std::string_view name;
    Method method;
};
constexpr std::array<Named, 4> kMethods{
    {{"INVITE", Method::kInvite}, {"ACK", Method::kAck}, {"BYE", Method::kBye}, {"CANCEL", Method::kCancel}}};

Method method_of(std::string_view text) {
    for (const auto& m : kMethods)
        if (m.name == text) return m.method;
    return Method::kOther;
}

std::uint32_t number_of(std::string_view text) {
    std::uint32_t out = 0;
    std::from_chars(text.data(), text.data() + text.size(), out);
    return out;
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    return text;
}

std::string_view between(std::string_view text, std::string_view before, std::string_view ends) {
    const auto at = text.find(before);
    if (at == std::string_view::npos) return {};
    text.remove_prefix(at + before.size());
    return text.substr(0, text.find_first_of(ends));
}

bool first_line(std::string_view line, Scan& out) {
    out.request = !line.starts_with("SIP/2.0 ");
    if (!out.request) {
        if (line.size() < 11) return false;
        out.status = number_of(line.substr(8, 3));
        return out.status >= 100 && out.status <= 699;
    }
    const auto space = line.find(' ');
    const auto end = line.rfind(' ');
    if (space == std::string_view::npos || end <= space || line.substr(end + 1) != "SIP/2.0") return false;
    out.method = method_of(line.substr(0, space));
    out.uri = line.substr(space + 1, end - space - 1);
    return true;
}

void header(std::string_view line, Scan& out) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return;
    const auto name = line.substr(0, colon);
    const auto value = trimmed(line.substr(colon + 1));
    if (name == "Via" || name == "v") {
        if (out.via_count == 0) out.branch = between(value, "branch=", ";, ");
        if (out.via_count < std::size(out.via_lines)) out.via_lines[out.via_count++] = value;
    } else if (name == "From" || name == "f") {
        out.from = value;
    } else if (name == "To" || name == "t") {
        out.to = value;
    } else if (name == "Call-ID" || name == "i") {
        out.call_id = value;
    } else if (name == "CSeq") {
        out.cseq = number_of(value);
        const auto space = value.find(' ');
        if (!out.request && space != std::string_view::npos) out.method = method_of(value.substr(space + 1));
    } else if (name == "Contact" || name == "m") {
        out.contact =
            value.find('<') == std::string_view::npos ? value.substr(0, value.find(';')) : between(value, "<", ">");
    } else if (name == "Record-Route") {
        out.record_routes.append("Record-Route: ").append(value).append("\r\n");
        out.routes_down.append("Route: ").append(value).append("\r\n");
        out.routes_up.insert(0, std::string("Route: ").append(value).append("\r\n"));
    } else if (name == "Retry-After") {
        out.retry_after = true;
    } else if (name == "Content-Type" || name == "c") {
        out.has_sdp = value.starts_with("application/sdp");
    }
}

}  // namespace

std::string_view name(Method method) {
    for (const auto& m : kMethods)
        if (m.method == method) return m.name;
    return "OPTIONS";
}

bool has_tag(std::string_view value) { return value.find(";tag=") != std::string_view::npos; }

bool scan(std::string_view datagram, Scan& out) {
    std::array<std::string, 3> kept{std::move(out.record_routes), std::move(out.routes_down), std::move(out.routes_up)};
    for (auto& s : kept) s.clear();
    out = Scan{};
    out.record_routes = std::move(kept[0]);
    out.routes_down = std::move(kept[1]);
    out.routes_up = std::move(kept[2]);

    bool first = true;
    while (!datagram.empty()) {
        const auto* end = static_cast<const char*>(std::memchr(datagram.data(), '\r', datagram.size()));
        if (end == nullptr) return false;
        const auto length = static_cast<std::size_t>(end - datagram.data());
        if (length + 1 >= datagram.size() || datagram[length + 1] != '\n') return false;
        const auto line = datagram.substr(0, length);
        datagram.remove_prefix(length + 2);
        if (line.empty()) break;
        if (std::exchange(first, false)) {
            if (!first_line(line, out)) return false;
        } else {
            header(line, out);
        }
    }
    return !out.call_id.empty() && out.cseq != 0 && !out.branch.empty();
}

}  // namespace sallyport::load
