#pragma once
// From the text of the one configuration document to what is in force: parsed strictly, checked against the
// schema (platform/config/schema.json), completed with the defaults and the implicit objects
// (docs/configuration.md), checked by meaning, and resolved into the views. Either all of it, or every
// problem that was found: nothing is applied from a document with a problem.

#include <cstddef>
#include <expected>
#include <string_view>

#include "platform/config/problem.h"
#include "platform/config/schema_check.h"
#include "platform/config/views.h"

namespace sallyport::config {

inline constexpr std::size_t kMaxDocumentBytes = 4 * 1024 * 1024;
// A view travels as one message (platform/rpc: at most 1 MiB); a document whose views are larger is refused.
inline constexpr std::size_t kMaxViewBytes = 960 * 1024;

// The files of a TLS profile.
struct TlsFiles {
    struct Pair {
        std::string certificate;
        std::string key;
    };
    std::string profile;
    std::vector<Pair> pairs;
    std::string authorities;  // empty: none
};

struct Effective {
    DataplaneView dataplane;  // the manager sets addresses and routes of the TAPs from its interfaces
    ControlView control;
    std::vector<TlsFiles> tls_files;  // in the order of ControlView::tls_profiles; the manager reads them
};

// Problems are sorted (platform/config/problem.h): text_of() words them, one a line.
std::expected<Effective, Problems> make_effective(std::string_view document);
// For who has many documents.
std::expected<Effective, Problems> make_effective(std::string_view document, SchemaCheck& schema);

// The JSON Schema that this program was built with.
std::string_view schema_text();

}  // namespace sallyport::config
