#include "tools/cli/fields.h"
#include "tools/cli/render.h"
#include "tools/cli/table.h"

namespace sallyport::cli {
namespace {

// "1001 @ access-pbx"; a side that is no trunk is named by its realm.
std::string side(const json::Value& s) {
    return text_field(s, "user") + " @ " + text_field(s, has(s, "trunk") ? "trunk" : "realm");
}

std::string state(const json::Value& call) {
    auto out = text_field(call, "state");
    if (bool_field(call, "media-silent")) out += ", silent";
    return out;
}

}  // namespace

std::string render_calls(const json::Value& answer) {
    const auto calls = list_field(answer, "calls");
    if (calls.empty()) return "No calls.\n";
    // A call that was not answered shows the time since its INVITE, with a +.
    Table table({{"ID"}, {"STATE"}, {"DURATION", Align::kRight}, {"FROM"}, {"TO"}, {"CODECS"}});
    for (const auto& c : calls) {
        table.add({text_field(c, "id"), state(c),
                   has(c, "duration-ms") ? duration_field(c, "duration-ms") : "+" + duration_field(c, "setup-ms"),
                   side(field(c, "from")), side(field(c, "to")), joined_field(c, "codecs", " ")});
    }
    return table.text() + shown_of_total(calls.size(), answer);
}

}  // namespace sallyport::cli
