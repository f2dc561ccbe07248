#pragma once
// Text tables: aligned columns, a header line, no lines drawn. Numbers stand right, text left. Text of peers
// (user parts, tags) is made harmless for a terminal.

#include <string>
#include <string_view>
#include <vector>

namespace sallyport::cli {

enum class Align { kLeft, kRight };

struct Column {
    std::string header;  // with its unit, if the cells have one: "JITTER ms"
    Align align = Align::kLeft;
};

class Table {
public:
    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
    // As many cells as columns.
    void add(std::vector<std::string> cells);
    std::string text() const;
    bool empty() const { return rows_.empty(); }

private:
    std::vector<Column> columns_;
    std::vector<std::vector<std::string>> rows_;
};

// Control characters become "?"; a tab and a newline too.
std::string printable(std::string_view text);
// Characters as a terminal counts them: UTF-8 continuation bytes are none.
std::size_t display_width(std::string_view text);

}  // namespace sallyport::cli
