#pragma once
// One JSON document on one line, written as it is told, without a tree in between: for what is written often. Commas
// and escapes are its business, the nesting is the caller's.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace sallyport::json {

class LineWriter {
public:
    // `size`: what it will hold, about.
    explicit LineWriter(std::size_t size) : out_(size, '\0') {}

    LineWriter& key(std::string_view name);  // of letters, digits and '-': goes out as it is
    void begin_object() { begin('{'); }
    void end_object() { end('}'); }
    void begin_array() { begin('['); }
    void end_array() { end(']'); }

    void null() { plain("null"); }
    void boolean(bool value) { plain(value ? "true" : "false"); }
    void number(std::uint64_t value);
    void number(std::int64_t value);
    // Any bytes: what is not UTF-8 becomes U+FFFD (RFC 8259 §8.1).
    void text(std::string_view value);

    std::string take();

private:
    void begin(char bracket);
    void end(char bracket);
    void plain(std::string_view value);
    void separate();
    template <typename Number>
    void digits(Number value);
    void append(std::string_view text);
    // For as many more.
    char* room(std::size_t most) {
        if (out_.size() - size_ < most) grow(most);
        return out_.data() + size_;
    }
    void grow(std::size_t most);

    std::string out_;       // behind what has been written is room
    std::size_t size_ = 0;  // of what has been written
    bool first_ = true;     // nothing stands before in this object or array
};

}  // namespace sallyport::json
