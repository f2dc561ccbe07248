#pragma once
// Cuts a byte stream into lines, with a bound: what a peer sends without a newline is not collected for ever.

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sallyport::rpc {

class LineBuffer {
public:
    explicit LineBuffer(std::size_t max_line) : max_line_(max_line) {}

    void append(std::span<const std::byte> bytes);
    // The next whole line without its newline, valid until the next call of a non-const member.
    std::optional<std::string_view> next();
    // The unfinished line is longer than a line may be: the connection cannot go on.
    bool overlong() const { return overlong_; }
    std::size_t waiting() const { return data_.size() - begin_; }

private:
    std::size_t max_line_;
    std::string data_;
    std::size_t begin_ = 0;    // start of what was not given out
    std::size_t scanned_ = 0;  // no newline before this
    bool overlong_ = false;
};

}  // namespace sallyport::rpc
