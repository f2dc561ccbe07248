#pragma once
// SIP as the simulated user agents see it: lines of text. Deliberately naive and no relative of the
// production parser, so that a mistake there does not hide itself here.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sallyport::scenario {

struct SipText {
    std::string start;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;

    static std::optional<SipText> parse(std::string_view text);
    std::string write() const;  // sets Content-Length

    bool is_request() const { return !start.starts_with("SIP/2.0 "); }
    std::string method() const { return start.substr(0, start.find(' ')); }
    std::string uri() const;
    int status() const { return is_request() ? 0 : std::stoi(start.substr(8, 3)); }

    std::string get(std::string_view name) const;               // the first, "" if none
    std::vector<std::string> all(std::string_view name) const;  // one entry a header line
    void add(std::string name, std::string value) { headers.emplace_back(std::move(name), std::move(value)); }
    void remove(std::string_view name);

    std::string cseq_method() const;
    unsigned cseq() const;
    std::string branch() const;  // of the top Via
};

std::string parameter(std::string_view value, std::string_view name);  // ";name=..." or ""
std::string inside_brackets(std::string_view value);                   // the URI of a name-addr
bool same_name(std::string_view a, std::string_view b);

}  // namespace sallyport::scenario
