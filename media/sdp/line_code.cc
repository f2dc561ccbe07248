#include "media/sdp/line_code.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace sallyport::sdp {

namespace {

constexpr std::string_view kEnd = "\r\n";
constexpr char kRaw = '\0';
constexpr char kOrigin = 0x3f;
constexpr unsigned kFirstPrefix = 0x30;
constexpr unsigned kFirstReferred = 0x80;
constexpr std::size_t kMostReferred = 0x40;
constexpr std::size_t kMaxText = std::size_t{128} * 1024;

// By their byte; the empty ones are not used. What stands here is part of a call's export (controlplane/call).
constexpr std::array<std::string_view, 32> kUsual{
    "",
    "v=0",
    "s=-",
    "t=0 0",
    "a=sendrecv",
    "a=sendonly",
    "a=recvonly",
    "a=inactive",
    "a=ptime:20",
    "a=rtpmap:0 PCMU/8000",
    "",  // the end of a line
    "a=rtpmap:8 PCMA/8000",
    "a=rtpmap:9 G722/8000",
    "a=rtpmap:18 G729/8000",
    "a=rtpmap:3 GSM/8000",
    "a=rtpmap:13 CN/8000",
    "a=rtpmap:101 telephone-event/8000",
    "a=fmtp:101 0-15",
    "a=fmtp:101 0-16",
    "a=fmtp:18 annexb=no",
    "a=ptime:30",
    "a=maxptime:20",
    "a=maxptime:40",
    "a=rtcp-mux",
    "a=rtpmap:96 opus/48000/2",
    "a=rtpmap:111 opus/48000/2",
    "a=rtpmap:96 telephone-event/8000",
    "a=fmtp:96 0-15",
    "a=rtpmap:100 telephone-event/8000",
    "a=fmtp:100 0-15",
    "m=audio 0 RTP/AVP 0",
    "m=audio 0 RTP/AVP 8",
};
constexpr std::array<std::string_view, 8> kBeginnings{
    "o=- ", "c=IN IP4 ", "m=audio ", "a=rtpmap:", "a=fmtp:", "a=rtcp:", "b=AS:", "a=ptime:"};

// Whether a line may begin with it in the code as it stands.
bool plain(char first) {
    const auto byte = static_cast<unsigned char>(first);
    return (byte >= 0x20 && byte < kFirstPrefix) || (byte >= 0x40 && byte < kFirstReferred);
}

// Calls `each` with every line, without its end; false when there is something else, or `each` says so.
template <typename Each>
bool lines_of(std::string_view text, const Each& each) {
    while (!text.empty()) {
        const auto end = text.find(kEnd);
        if (end == std::string_view::npos || !each(text.substr(0, end))) return false;
        text.remove_prefix(end + kEnd.size());
    }
    return true;
}

class Referred {
public:
    explicit Referred(std::string_view text) {
        lines_of(text, [this](std::string_view line) {
            if (count_ < kMostReferred) lines_[count_++] = line;
            return count_ < kMostReferred;
        });
    }
    // As a byte, or 0.
    char find(std::string_view line) const {
        for (std::size_t i = 0; i < count_; ++i)
            if (lines_[i] == line) return static_cast<char>(kFirstReferred + i);
        return 0;
    }
    const std::string_view* at(std::size_t index) const { return index < count_ ? &lines_[index] : nullptr; }

private:
    std::array<std::string_view, kMostReferred> lines_;
    std::size_t count_ = 0;
};

char usual(std::string_view line) {
    const auto found = std::ranges::find(kUsual, line);
    return found == kUsual.end() ? '\0' : static_cast<char>(found - kUsual.begin());
}

bool append_line(std::string& out, std::string_view line, const Referred& referred, std::string_view origin) {
    if (line.find('\n') != std::string_view::npos) return false;
    if (const auto byte = line.empty() ? '\0' : usual(line); byte != 0) {
        out += byte;
        return true;
    }
    if (const auto byte = referred.find(line); byte != 0) {
        out += byte;
        return true;
    }
    if (!origin.empty() && line.starts_with(origin)) {
        out += kOrigin;
        line.remove_prefix(origin.size());
    } else {
        const auto begins = [line](std::string_view beginning) { return line.starts_with(beginning); };
        if (const auto found = std::ranges::find_if(kBeginnings, begins); found != kBeginnings.end()) {
            out += static_cast<char>(kFirstPrefix + static_cast<unsigned>(found - kBeginnings.begin()));
            line.remove_prefix(found->size());
        } else if (!line.empty() && !plain(line.front())) {
            return false;
        }
    }
    out += line;
    out += '\n';
    return true;
}

// What a byte stands for at the beginning of a line that goes on; nullptr: nothing.
const std::string_view* beginning_of(unsigned byte, const LineContext& context) {
    if (byte == kOrigin) return context.origin.empty() ? nullptr : &context.origin;
    const auto index = byte - kFirstPrefix;
    return index < kBeginnings.size() ? &kBeginnings.at(index) : nullptr;
}

}  // namespace

std::string encode_lines(std::string_view text, const LineContext& context) {
    std::string out;
    out.reserve(text.size() / 2);
    const Referred referred(context.reference);
    const bool coded =
        lines_of(text, [&](std::string_view line) { return append_line(out, line, referred, context.origin); });
    if (coded) return out;
    out.assign(1, kRaw);
    out += text;
    return out;
}

std::optional<std::string> decode_lines(std::string_view code, const LineContext& context) {
    std::string out;
    if (!code.empty() && code.front() == kRaw) {
        if (code.size() > kMaxText) return std::nullopt;
        out = code.substr(1);
        return out;
    }
    const Referred referred(context.reference);
    while (!code.empty()) {
        const auto byte = static_cast<unsigned char>(code.front());
        const std::string_view* whole = nullptr;
        if (byte >= kFirstReferred) {
            whole = referred.at(byte - kFirstReferred);
            if (whole == nullptr) return std::nullopt;
        } else if (byte < kUsual.size() && byte != '\n') {
            whole = &kUsual.at(byte);
            if (whole->empty()) return std::nullopt;
        }
        if (whole != nullptr) {
            code.remove_prefix(1);
            out += *whole;
        } else {
            if (byte >= kFirstPrefix && byte <= static_cast<unsigned char>(kOrigin)) {
                const auto* beginning = beginning_of(byte, context);
                if (beginning == nullptr) return std::nullopt;
                code.remove_prefix(1);
                out += *beginning;
            }
            const auto end = code.find('\n');
            if (end == std::string_view::npos) return std::nullopt;
            out += code.substr(0, end);
            code.remove_prefix(end + 1);
        }
        out += kEnd;
        if (out.size() > kMaxText) return std::nullopt;
    }
    return out;
}

}  // namespace sallyport::sdp
