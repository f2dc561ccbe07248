#pragma once
// A parsed message whose fields rules change. It works on the fields that the parser has seen: a name in any case, in
// compact form, before white space, folded or repeated is one and the same here, and nothing is searched for in text.
//
// Views into the message and into texts of its own; the message outlives it. Reused: assign() forgets what was before.

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/sip/message.h"

namespace sallyport::policy {

// What a rule names: a header that the parser knows, or one by its name.
struct HeaderKey {
    sip::HeaderId id = sip::HeaderId::kOther;
    std::string name;  // as it is usually written

    static HeaderKey of(std::string_view name);
    bool is(sip::HeaderId field_id, std::string_view field_name) const {
        return id != sip::HeaderId::kOther ? field_id == id : field_id == id && sip::iequals(name, field_name);
    }
};

class MessageEdit {
public:
    static constexpr std::size_t kMostGrown = std::size_t{8} * 1024;
    // Some 10 ms of the slowest expression; rules for a message of a real call look at a hundredth of it.
    static constexpr std::size_t kMostLooked = std::size_t{256} * 1024;

    struct Line {
        sip::HeaderId id = sip::HeaderId::kOther;
        std::string_view name;   // what rules go by: escapes are resolved
        std::string_view value;  // one line: folds are SP
        std::string_view raw;    // as it came; empty: made or changed here
        std::string_view token;  // the name as it came, with which a changed line goes on
        bool removed = false;
    };

    void assign(const sip::Message& message);

    const sip::Message& message() const { return *message_; }
    std::vector<Line>& lines() { return lines_; }
    std::string_view request_uri() const { return request_uri_; }
    // A request with which a dialog may begin: From, To and Request-URI of all others, and of responses, repeat what
    // was agreed (RFC 3261 §12.2.1.1, §9.1, §17.1.1.3, §8.2.6.2).
    bool begins_dialog() const { return begins_dialog_; }

    void set_request_uri(std::string uri);
    void set_value(Line& line, std::string value);
    void remove(Line& line);
    void add(const HeaderKey& key, std::string value);

    std::size_t fields() const;  // that are left
    std::size_t changes() const { return changes_; }
    // Counts characters that expressions look at, so that no message costs more than it may. False: it has had its
    // share.
    bool look(std::size_t characters) { return (looked_ += characters) <= kMostLooked; }
    bool too_much() const { return looked_ > kMostLooked || grown() > kMostGrown; }
    std::size_t grown() const { return added_ > taken_ ? added_ - taken_ : 0; }
    // The whole message with its body.
    void write(std::string& out) const;
    // Only what dialog, transaction and body need, as it came: for a message that has to go on and must not grow.
    void write_least(std::string& out) const;

private:
    std::string_view keep(std::string text) { return texts_.emplace_back(std::move(text)); }
    void write_start(std::string& out, std::string_view uri) const;

    const sip::Message* message_ = nullptr;
    std::string_view request_uri_;
    std::vector<Line> lines_;
    std::deque<std::string> texts_;
    std::size_t added_ = 0;
    std::size_t taken_ = 0;
    std::size_t looked_ = 0;
    bool begins_dialog_ = false;
    std::size_t changes_ = 0;
};

// CR, LF, NUL and their like: what a value never holds.
bool has_control(std::string_view value);

}  // namespace sallyport::policy
