// A stream of bytes of a JSON-RPC peer, in pieces: `length byte, bytes` until the end; a length above 200 is three
// times as long.
//
// Oracles: the lines are those of the stream, whatever the pieces; a message that we understand is written and read
// again as the same; a bad one has a code and one line. What writes JSON writes what is read again, whatever the text.

#include <string>
#include <string_view>
#include <vector>

#include "platform/json/line_writer.h"
#include "platform/rpc/line_buffer.h"
#include "platform/rpc/message.h"
#include "tests/fuzz/fuzz.h"

namespace sallyport::rpc {
namespace {

// Half of a surrogate pair, escaped, comes out as this: longer, and not the same.
constexpr std::string_view kReplaced = "\xEF\xBF\xBD";

constexpr std::size_t kLongest = 512;
constexpr std::size_t kLines = 4;  // that are also read: an input of newlines costs too much otherwise

// Any bytes as a JSON string: the same by each of the writers, and as it was unless something had to be replaced.
void check_text(std::string_view bytes) {
    const json::Value value{std::string(bytes)};
    json::LineWriter writer(16);
    writer.text(bytes);
    const auto text = json::parse(writer.take());
    FUZZ_CHECK(text && (*text == value || text->asString().contains(kReplaced)));
    FUZZ_CHECK(json::parse(json::write_line(value)) == text && json::parse(json::write_pretty(value)) == text);
}

// For people to read, and the same.
void check_pretty(const json::Value& value) {
    const auto pretty = json::write_pretty(value);
    FUZZ_CHECK(pretty.ends_with('\n'));
    const auto again = json::parse(pretty);
    FUZZ_CHECK(again && json::write_line(*again) == json::write_line(value));
}

void check_request(const Request& request) {
    FUZZ_CHECK(!request.method.empty() && request.method.size() <= kMaxMethod && request.params.isObject());
    const auto line = write_request(request);
    if (line.contains(kReplaced)) return;
    FUZZ_CHECK(line.find('\n') == std::string::npos);
    check_pretty(request.params);
    const auto again = parse_message(line);
    FUZZ_CHECK(again && std::holds_alternative<Request>(*again));
    const auto& r = std::get<Request>(*again);
    FUZZ_CHECK(r.id == request.id && r.notification == request.notification && r.method == request.method);
    FUZZ_CHECK(json::write_line(r.params) == json::write_line(request.params));
}

void check_response(const Response& response) {
    const auto id = response.for_unknown ? std::nullopt : std::optional(response.id);
    if (response.outcome && response.for_unknown) return;  // we write no such thing
    const auto line = response.outcome ? write_result(response.id, *response.outcome, response.descriptors)
                                       : write_error(id, response.outcome.error());
    if (line.contains(kReplaced)) return;
    FUZZ_CHECK(line.find('\n') == std::string::npos);
    const auto again = parse_message(line);
    FUZZ_CHECK(again && std::holds_alternative<Response>(*again));
    const auto& r = std::get<Response>(*again);
    FUZZ_CHECK(r.id == response.id && r.for_unknown == response.for_unknown);
    FUZZ_CHECK(r.outcome.has_value() == response.outcome.has_value());
    if (r.outcome) {
        FUZZ_CHECK(r.descriptors == response.descriptors);
        FUZZ_CHECK(json::write_line(*r.outcome) == json::write_line(*response.outcome));
    } else {
        FUZZ_CHECK(r.outcome.error().code == response.outcome.error().code);
        FUZZ_CHECK(r.outcome.error().message == response.outcome.error().message);
    }
}

void check_line(std::string_view line) {
    const auto message = parse_message(line);
    if (!message) {
        const auto& error = message.error().error;
        FUZZ_CHECK(error.code < 0 && !error.message.empty() && error.message.find('\n') == std::string::npos);
        FUZZ_CHECK(parse_message(write_error(message.error().id, error)).has_value());
        return;
    }
    if (const auto* request = std::get_if<Request>(&*message))
        check_request(*request);
    else
        check_response(std::get<Response>(*message));
}

}  // namespace
}  // namespace sallyport::rpc

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport::rpc;
    sallyport::fuzz::Input in(data, size);
    LineBuffer lines(kLongest);
    std::string stream;
    std::size_t given = 0;  // of the stream, as lines
    std::size_t looked_at = 0;
    while (!in.empty() && !lines.overlong()) {
        const std::size_t length = in.byte();
        const auto piece = in.bytes(length > 200 ? 3 * length : length);
        stream += piece;
        lines.append(std::as_bytes(std::span(piece)));
        while (const auto line = lines.next()) {
            const auto end = stream.find('\n', given);
            FUZZ_CHECK(end != std::string::npos && *line == std::string_view(stream).substr(given, end - given));
            FUZZ_CHECK(line->size() < kLongest);
            given = end + 1;
            if (++looked_at <= kLines) check_line(*line);
            if (looked_at == 1) check_text(*line);
        }
        const auto open = stream.substr(given);
        FUZZ_CHECK(lines.overlong() == (std::min(open.find('\n'), open.size()) >= kLongest));
        FUZZ_CHECK(lines.waiting() == open.size());
    }
    return 0;
}
