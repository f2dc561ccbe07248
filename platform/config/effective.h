#pragma once
// From the text of the one configuration document to what is in force: parsed strictly, checked against the
// schema (platform/config/schema.json), completed with the defaults and the implicit objects
// (docs/configuration.md), checked by meaning, and resolved into the views. Either all of it, or every
// problem that was found: nothing is applied from a document with a problem.

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "platform/config/views.h"

namespace sallyport::config {

inline constexpr std::size_t kMaxDocumentBytes = 4 * 1024 * 1024;

struct Problem {
    std::string path;          // JSON pointer (RFC 6901) into the document; "" is the document itself
    std::string text;          // what is wrong, and what would be right; no newline
    std::string line() const;  // "/trunks/pbx/peers/0: ..."
    friend bool operator==(const Problem&, const Problem&) = default;
};
using Problems = std::vector<Problem>;  // sorted by path, numbers by value

struct Effective {
    DataplaneView dataplane;  // the manager sets addresses and routes of the TAPs from its interfaces
    ControlView control;
};

std::expected<Effective, Problems> make_effective(std::string_view document);

// One line a problem.
std::string text_of(const Problems& problems);

// The JSON Schema that this program was built with.
std::string_view schema_text();

}  // namespace sallyport::config
