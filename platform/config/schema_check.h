#pragma once
// The one wrapper of valijson: a document against the schema that is built in.

#include <memory>

#include "platform/config/problem.h"
#include "platform/json/json.h"

namespace sallyport::config {

// Compiled once, which takes longer than to check a document.
class SchemaCheck {
public:
    SchemaCheck();
    ~SchemaCheck();
    SchemaCheck(const SchemaCheck&) = delete;
    SchemaCheck& operator=(const SchemaCheck&) = delete;

    // Adds every place where `document` is not what the schema says. Valijson decides whether and where; its own
    // messages cascade from the inside out and never name what would be right, so each place is worded from
    // the schema. Not const: the validator keeps the patterns that it has met.
    void check(const json::Value& document, Problems& problems);

private:
    struct Compiled;
    std::unique_ptr<Compiled> compiled_;
};

}  // namespace sallyport::config
