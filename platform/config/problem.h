#pragma once
// One thing that is wrong with a configuration document, and the words for it.

#include <string>
#include <string_view>
#include <vector>

namespace sallyport::config {

struct Problem {
    std::string path;          // JSON pointer (RFC 6901) into the document; "" is the document itself
    std::string text;          // what is wrong, and what would be right; no newline
    std::string line() const;  // "/trunks/pbx/peers/0: ..."
    friend bool operator==(const Problem&, const Problem&) = default;
};
using Problems = std::vector<Problem>;

// By path, numbers in it by value; the same problem twice becomes one.
void sort_problems(Problems& problems);
// One line a problem.
std::string text_of(const Problems& problems);

// `path` with one more step, escaped (RFC 6901 §3).
std::string pointer(std::string_view path, std::string_view key);
std::string pointer(std::string_view path, std::size_t index);

// A value of the document in a message: quoted, bounded, without control characters.
std::string quoted(std::string_view text);

// `; did you mean "X"?` for the name most like `wrong`, else `; there is A, B, C` of what there is (a few).
std::string suggestion(std::string_view wrong, const std::vector<std::string>& names);
// The name in `names` that is most like `wrong`, or "" when none is near.
std::string nearest(std::string_view wrong, const std::vector<std::string>& names);

}  // namespace sallyport::config
