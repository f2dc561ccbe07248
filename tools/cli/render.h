#pragma once
// An answer of the manager (docs/status-json.md) as text for people: one function a subject, one file each.

#include <string>
#include <string_view>

#include "platform/json/json.h"
#include "platform/rpc/message.h"

namespace sallyport::cli {

std::string render_version(const json::Value& answer);
std::string render_calls(const json::Value& answer);
std::string render_call(const json::Value& answer);
std::string render_trunks(const json::Value& answer);
std::string render_flows(const json::Value& answer);
std::string render_dataplane(const json::Value& answer);
std::string render_counters(const json::Value& answer);
std::string render_certificates(const json::Value& answer);
// Of `reload certificates`: those of a profile stayed as they were.
bool any_failed(const json::Value& answer);

// By the word of the command line.
std::string render(std::string_view what, const json::Value& answer);

// One line, without newline: what could not be shown, why, and what happens or is to be done next.
std::string render_error(std::string_view what, const rpc::Error& error);

// "Showing 500 of 1,234." when an answer holds fewer entries than there are, else "".
std::string shown_of_total(std::size_t shown, const json::Value& answer);

}  // namespace sallyport::cli
