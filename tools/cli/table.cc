#include "tools/cli/table.h"

#include <algorithm>
#include <utility>

namespace sallyport::cli {

void Table::add(std::vector<std::string> cells) {
    cells.resize(columns_.size());
    for (auto& cell : cells) cell = printable(cell);
    rows_.push_back(std::move(cells));
}

std::string Table::text() const {
    std::vector<std::size_t> widths;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
        std::size_t width = display_width(columns_[c].header);
        for (const auto& row : rows_) width = std::max(width, display_width(row[c]));
        widths.push_back(width);
    }
    std::string out;
    const auto cell = [&](std::size_t c, const std::string& text) {
        const std::string padding(widths[c] - display_width(text), ' ');
        if (c > 0) out += "  ";
        out += columns_[c].align == Align::kRight ? padding + text : text + padding;
    };
    const auto end_line = [&out] {
        while (out.ends_with(' ')) out.pop_back();
        out += '\n';
    };
    for (std::size_t c = 0; c < columns_.size(); ++c) cell(c, columns_[c].header);
    end_line();
    for (const auto& row : rows_) {
        for (std::size_t c = 0; c < columns_.size(); ++c) cell(c, row[c]);
        end_line();
    }
    return out;
}

std::string printable(std::string_view text) {
    std::string out(text);
    for (std::size_t i = 0; i < out.size(); ++i) {
        const auto byte = static_cast<unsigned char>(out[i]);
        if (byte < 0x20 || byte == 0x7F) out[i] = '?';
        // C1 controls, as UTF-8: C2 80 to C2 9F.
        if (byte == 0xC2 && i + 1 < out.size() && static_cast<unsigned char>(out[i + 1]) < 0xA0)
            out[i] = out[i + 1] = '?';
    }
    return out;
}

std::size_t display_width(std::string_view text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

}  // namespace sallyport::cli
