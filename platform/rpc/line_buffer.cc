#include "platform/rpc/line_buffer.h"

namespace sallyport::rpc {

void LineBuffer::append(std::span<const std::byte> bytes) {
    if (begin_ > 0 && begin_ >= data_.size() / 2) {
        data_.erase(0, begin_);
        scanned_ -= begin_;
        begin_ = 0;
    }
    data_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

std::optional<std::string_view> LineBuffer::next() {
    if (overlong_) return std::nullopt;
    const auto end = data_.find('\n', scanned_);
    if (end == std::string::npos) {
        scanned_ = data_.size();
        overlong_ = data_.size() - begin_ >= max_line_;
        return std::nullopt;
    }
    if (end - begin_ >= max_line_) {
        overlong_ = true;
        return std::nullopt;
    }
    const std::string_view line(data_.data() + begin_, end - begin_);
    begin_ = scanned_ = end + 1;
    return line;
}

}  // namespace sallyport::rpc
