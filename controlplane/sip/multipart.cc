#include "controlplane/sip/multipart.h"

#include <array>
#include <string>

namespace sallyport::sip {

namespace {

constexpr auto kNone = std::string_view::npos;

// The line at the beginning of `rest`, without its line end; `rest` goes on behind it.
std::string_view take_line(std::string_view& rest) {
    const auto end = rest.find('\n');
    auto line = rest.substr(0, end);
    rest.remove_prefix(end == kNone ? rest.size() : end + 1);
    if (end != kNone && line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

void take_field(BodyPart& part, std::string_view field) {
    const auto colon = field.find(':');
    if (colon == kNone) return;
    const auto name = trim(field.substr(0, colon));
    const auto value = trim(field.substr(colon + 1));
    if (iequals(name, "Content-Type")) part.type = value;
    if (iequals(name, "Content-Disposition")) part.disposition = value;
    if (iequals(name, "Content-Encoding")) part.encoded = true;
    if (iequals(name, "Content-Transfer-Encoding")) {  // RFC 2045 §6.2: these three leave the bytes as they are
        constexpr std::array<std::string_view, 3> kIdentity = {"7bit", "8bit", "binary"};
        bool identity = false;
        for (const auto& known : kIdentity) identity |= iequals(value, known);
        part.encoded |= !identity;
    }
}

// Header fields, an empty line, the body (RFC 2046 §5.1); folds stay in the values, as in sip::Message.
BodyPart parse_part(std::string_view text) {
    BodyPart part;
    auto rest = text;
    while (!rest.empty()) {
        const auto begin = rest;
        if (take_line(rest).empty()) break;
        while (rest.starts_with(' ') || rest.starts_with('\t')) take_line(rest);
        take_field(part, begin.substr(0, begin.size() - rest.size()));
    }
    part.body = rest;
    return part;
}

}  // namespace

std::expected<std::vector<BodyPart>, Reason> parse_multipart(std::string_view body, std::string_view boundary) {
    const auto delimiter = "--" + unquoted(boundary);
    if (delimiter.size() <= 2 || delimiter.size() > 2 + kMaxBoundary || delimiter.find_first_of("\r\n") != kNone) {
        return std::unexpected("Bad multipart boundary");
    }
    std::vector<BodyPart> parts;
    const char* begin = nullptr;  // of the part that goes on; none in the preamble
    for (auto rest = body; !rest.empty();) {
        const char* const at = rest.data();
        const auto line = take_line(rest);
        if (!line.starts_with(delimiter)) continue;
        const auto tail = trim(line.substr(delimiter.size()));
        if (!tail.empty() && tail != "--") continue;  // a longer boundary
        if (begin != nullptr) {
            if (parts.size() == kMaxParts) return std::unexpected("Too many body parts");
            std::string_view text(begin, static_cast<std::size_t>(at - begin));
            // The line end before the delimiter belongs to it.
            if (text.ends_with('\n')) text.remove_suffix(1);
            if (text.ends_with('\r')) text.remove_suffix(1);
            parts.push_back(parse_part(text));
        }
        if (tail == "--") {
            if (parts.empty()) break;
            return parts;  // what follows is the epilogue
        }
        begin = rest.data();
    }
    return std::unexpected("Malformed multipart body");
}

}  // namespace sallyport::sip
