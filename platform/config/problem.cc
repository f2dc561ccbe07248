#include "platform/config/problem.h"

#include <algorithm>
#include <cstdint>
#include <numeric>

namespace sallyport::config {

namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }

// Numbers without leading zeros (array indices) compare by value: the longer one is the larger.
bool natural_less(std::string_view a, std::string_view b) {
    std::size_t i = 0;
    std::size_t j = 0;
    while (i < a.size() && j < b.size()) {
        if (digit(a[i]) && digit(b[j])) {
            const std::size_t i0 = i;
            const std::size_t j0 = j;
            while (i < a.size() && digit(a[i])) ++i;
            while (j < b.size() && digit(b[j])) ++j;
            if (i - i0 != j - j0) return i - i0 < j - j0;
            const int order = a.substr(i0, i - i0).compare(b.substr(j0, j - j0));
            if (order != 0) return order < 0;
        } else {
            if (a[i] != b[j]) return a[i] < b[j];
            ++i;
            ++j;
        }
    }
    return a.size() - i < b.size() - j;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
        }
    }
    return row[b.size()];
}

}  // namespace

std::string Problem::line() const { return (path.empty() ? std::string("(document)") : path) + ": " + text; }

void sort_problems(Problems& problems) {
    std::ranges::stable_sort(problems, [](const Problem& a, const Problem& b) {
        if (a.path != b.path) return natural_less(a.path, b.path);
        return a.text < b.text;
    });
    const auto same = std::ranges::unique(problems);
    problems.erase(same.begin(), same.end());
}

std::string text_of(const Problems& problems) {
    std::string out;
    for (const Problem& p : problems) out += p.line() + "\n";
    return out;
}

std::string pointer(std::string_view path, std::string_view key) {
    std::string out(path);
    out += '/';
    for (const char c : key) {
        if (c == '~')
            out += "~0";
        else if (c == '/')
            out += "~1";
        else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
            out += '?';
        else
            out += c;
    }
    return out;
}

std::string pointer(std::string_view path, std::size_t index) {
    return std::string(path) + "/" + std::to_string(index);
}

std::string quoted(std::string_view text) {
    constexpr std::size_t kLongest = 60;
    std::string out = "\"";
    for (const char c : text.substr(0, kLongest)) {
        const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
        out += control ? '?' : c;
    }
    if (text.size() > kLongest) out += "...";
    return out + "\"";
}

std::string nearest(std::string_view wrong, const std::vector<std::string>& names) {
    if (wrong.size() > 100) return {};
    // A beginning of just one name is that name.
    std::vector<std::string> beginnings;
    for (const std::string& name : names)
        if (wrong.size() >= 2 && name.starts_with(wrong)) beginnings.push_back(name);
    if (beginnings.size() == 1) return beginnings.front();

    std::size_t best = (wrong.size() <= 3 ? 1 : std::max<std::size_t>(2, wrong.size() / 3)) + 1;
    std::string found;
    for (const std::string& name : names) {
        const std::size_t distance = edit_distance(wrong, name);
        if (distance < best && distance < std::max(wrong.size(), name.size())) {
            best = distance;
            found = name;
        }
    }
    return found;
}

std::string suggestion(std::string_view wrong, const std::vector<std::string>& names) {
    if (const std::string near = nearest(wrong, names); !near.empty()) return "; did you mean " + quoted(near) + "?";
    if (names.empty()) return "; there is none";
    constexpr std::size_t kShown = 6;
    std::string out = "; there is ";
    for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i) out += (i == 0 ? "" : ", ") + quoted(names[i]);
    if (names.size() > kShown) out += " and " + std::to_string(names.size() - kShown) + " more";
    return out;
}

}  // namespace sallyport::config
