#include "media/sdp/line_code.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "platform/base/byte_scan.h"

namespace sallyport::sdp {

namespace {

constexpr std::string_view kEnd = "\r\n";  // of a line
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
    const char* line = begin_of(text);
    for (const char* at = line; at != end_of(text);) {
        at = find_any<'\n'>(begin_of(text), at, end_of(text));
        if (at == end_of(text)) return false;
        ++at;
        if (at - line < 2 || at[-2] != '\r') continue;  // no end of a line
        if (!each(std::string_view(line, at - 2))) return false;
        line = at;
    }
    return line == end_of(text);
}

class Referred {
public:
    explicit Referred(std::string_view text) {
        lines_of(text, [this](std::string_view line) {
            lines_[count_++] = {line.data(), line.size()};
            return count_ < kMostReferred;
        });
    }
    // As a byte, or 0.
    char find(std::string_view line) const {
        for (std::size_t i = 0; i < count_; ++i)
            if (lines_[i].size == line.size() && at(i) == line) return static_cast<char>(kFirstReferred + i);
        return 0;
    }
    std::optional<std::string_view> at(std::size_t index) const {
        if (index >= count_) return std::nullopt;
        return std::string_view(lines_[index].begin, lines_[index].size);
    }

private:
    struct Line {  // a view that need not be made before there is one
        const char* begin;
        std::size_t size;
    };
    std::array<Line, kMostReferred> lines_;
    std::size_t count_ = 0;
};

constexpr std::size_t kLongestUsual = std::ranges::max_element(kUsual, {}, &std::string_view::size)->size();

// By the length of a line: a bit for each usual one that is as long.
constexpr auto kUsualOfLength = [] {
    std::array<std::uint32_t, kLongestUsual + 1> out{};
    for (std::size_t i = 0; i < kUsual.size(); ++i)
        if (!kUsual.at(i).empty()) out.at(kUsual.at(i).size()) |= std::uint32_t{1} << i;
    return out;
}();

char usual(std::string_view line) {
    if (line.size() > kLongestUsual) return '\0';
    for (auto left = kUsualOfLength[line.size()]; left != 0; left &= left - 1) {
        const auto i = static_cast<std::size_t>(std::countr_zero(left));
        if (end_of(kUsual[i])[-1] == end_of(line)[-1] && kUsual[i] == line) return static_cast<char>(i);
    }
    return '\0';
}

// Writes at `out` what it moves on, never more than the line takes with its end; false: there is no code for the line.
bool encode_line(char*& out, std::string_view line, const Referred& referred, std::string_view origin) {
    auto byte = usual(line);
    if (byte == 0) {
        if (line.contains('\n')) return false;
        byte = referred.find(line);
    }
    if (byte != 0) {
        *out++ = byte;
        return true;
    }
    if (!origin.empty() && line.starts_with(origin)) {
        *out++ = kOrigin;
        line.remove_prefix(origin.size());
    } else {
        const auto begins = [line](std::string_view beginning) {
            return line.size() > 2 && line[2] == beginning[2] && line.starts_with(beginning);
        };
        if (const auto found = std::ranges::find_if(kBeginnings, begins); found != kBeginnings.end()) {
            *out++ = static_cast<char>(kFirstPrefix + static_cast<unsigned>(found - kBeginnings.begin()));
            line.remove_prefix(found->size());
        } else if (!line.empty() && !plain(line.front())) {
            return false;
        }
    }
    std::memcpy(out, line.data(), line.size());
    out += line.size();
    *out++ = '\n';
    return true;
}

// What a byte stands for at the beginning of a line that goes on; nullptr: nothing.
const std::string_view* beginning_of(unsigned byte, const LineContext& context) {
    if (byte == kOrigin) return context.origin.empty() ? nullptr : &context.origin;
    const auto index = byte - kFirstPrefix;
    return index < kBeginnings.size() ? &kBeginnings.at(index) : nullptr;
}

}  // namespace

std::size_t encode_lines(std::string_view text, const LineContext& context, char* out) {
    const Referred referred(context.reference);
    auto* at = out;
    const auto encode = [&](std::string_view line) { return encode_line(at, line, referred, context.origin); };
    if (lines_of(text, encode)) return static_cast<std::size_t>(at - out);
    *out = kRaw;
    std::memcpy(out + 1, text.data(), text.size());
    return text.size() + 1;
}

std::string encode_lines(std::string_view text, const LineContext& context) {
    std::string out;
    out.resize_and_overwrite(text.size() + 1,
                             [&](char* begin, std::size_t) { return encode_lines(text, context, begin); });
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
        std::optional<std::string_view> whole;
        if (byte >= kFirstReferred) {
            whole = referred.at(byte - kFirstReferred);
            if (!whole) return std::nullopt;
        } else if (byte < kUsual.size() && byte != '\n') {
            whole = kUsual.at(byte);
            if (whole->empty()) return std::nullopt;
        }
        if (whole) {
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
